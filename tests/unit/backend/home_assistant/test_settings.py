"""Settings of the Home Assistant integration: validation, masking, the audit log."""

from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from tests.unit.backend.conftest import Party
from tests.unit.backend.home_assistant.conftest import Broker as RetainingBroker

from surveillance.selectors.cameras import are_objects_reported
from vigil_apps.audit.models import AuditEntry
from vigil_apps.home_assistant import publisher as publisher_module
from vigil_apps.home_assistant.core.settings import Broker
from vigil_apps.home_assistant.models import HomeAssistant, PublishedDevice
from vigil_apps.home_assistant.publisher import SETTINGS_SECONDS, Publisher
from vigil_apps.home_assistant.selectors import broker_of, home_assistant
from vigil_apps.home_assistant.services import CHANGED, settings_update
from vigil_apps.sites.models import Site

URL = "/api/home-assistant/"
BROKER = "mqtt://vigil:s3cret%23@broker.example:1884"


def test_url_is_masked_and_kept_when_it_is_sent_back(root: Party) -> None:
    answer = root.client.patch(URL, {"url": BROKER, "is_enabled": True})
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["url"] == "mqtt://***@broker.example:1884"
    assert "s3cret" not in str(list(AuditEntry.objects.values()))
    assert root.client.patch(URL, {"url": shown["url"], "discovery_prefix": "ha"}).status_code == 200
    assert HomeAssistant.objects.get().url == BROKER
    assert broker_of(home_assistant()) == Broker("broker.example", 1884, False, "vigil", "s3cret#")


def test_changes_are_audited(root: Party, site: Site) -> None:
    root.client.patch(URL, {"url": BROKER, "is_enabled": True, "sites": [site.pk], "acts_as": "root"})
    entry = AuditEntry.objects.filter(kind="home_assistant").latest("id")
    assert entry.actor_name == "root"
    assert entry.changes["url"] == ["", "mqtt://***@broker.example:1884"]
    assert entry.changes["acts_as"] == [None, root.user.pk]


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"is_enabled": True}, "url", "is required, such as mqtt://user:password@broker.example:1883"),
        ({"url": "http://broker.example"}, "url", "must begin with mqtt:// or mqtts://"),
        ({"url": "mqtt://broker.example/topic"}, "url", "must end with the host or port, without a path or topic"),
        ({"url": "mqtt://***@broker.example"}, "url", "contains ***; enter it in full"),
        ({"url": "mqtt://192.168.1.4"}, "url", "VIGIL_NOTIFY_NETWORKS"),
        ({"url": 7}, "url", "must be a text of at most 2000 characters"),
        ({"discovery_prefix": "home/#"}, "discovery_prefix", "must be a topic such as homeassistant"),
        ({"acts_as": "nobody"}, "acts_as", "must be the name of an active user"),
        ({"sites": [99]}, "sites", "must be ids of sites; there is no 99"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_name_the_field(root: Party, sent: dict[str, Any], field: str, words: str) -> None:
    answer = root.client.patch(URL, sent)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert words in str(answer.json())
    assert not HomeAssistant.objects.filter(is_enabled=True).exists()


def test_broker_of_the_environment_cannot_be_changed_here(root: Party, settings: Any) -> None:
    settings.VIGIL_MQTT_URL, settings.VIGIL_MQTT_PASSWORD = "mqtt://vigil@10.0.0.7", "from a file"
    shown = root.client.get(URL).json()
    assert (shown["url"], shown["is_from_environment"]) == ("mqtt://***@10.0.0.7", True)
    assert "VIGIL_MQTT_URL" in str(root.client.patch(URL, {"url": BROKER}).json())
    assert broker_of(home_assistant()) == Broker("10.0.0.7", 1883, False, "vigil", "from a file", is_trusted=True)


def test_disabled_integration_connects_to_nothing(db: None) -> None:
    publisher = Publisher()
    publisher.turn()
    assert not HomeAssistant.objects.exists()
    assert not are_objects_reported()


class _Connection(RetainingBroker):
    """A connection to one broker, for which `wake` has no use."""

    connections, problem, is_closed = 1, "", False

    @property
    def is_connected(self) -> bool:
        return self.is_up

    def take(self) -> Any:
        return None

    def close(self) -> None:
        self.is_closed = True


def test_devices_are_removed_when_the_broker_is_back_after_the_integration_was_disabled(
    row: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[_Connection] = []

    def connect(*_: object) -> _Connection:
        connections.append(_Connection())
        connections[-1].is_up = False
        return connections[-1]

    monkeypatch.setattr(publisher_module, "Connection", connect)
    PublishedDevice.objects.create(camera_id=7, components={"person": "binary_sensor"})
    settings_update(values={"is_enabled": False})
    publisher = Publisher()  # also of a process that starts afterwards
    publisher.turn()
    (connection,) = connections
    assert PublishedDevice.objects.exists()
    connection.is_up = True
    publisher.turn()
    assert not PublishedDevice.objects.exists()
    assert ("homeassistant/device/vigil_ab12_7/config", "") in connection.messages
    assert not any(payload for _, payload in connection.messages), "no camera is published"
    publisher.reread()
    publisher.turn()
    assert connection.is_closed
    publisher.reread()
    publisher.turn()
    assert len(connections) == 1


@pytest.mark.parametrize(("is_only_process", "seconds"), [(True, 30.0), (False, 3.0)], ids=["only", "one of several"])
def test_disabled_integration_reads_its_settings_rarely_if_a_change_must_wake_it(
    row: HomeAssistant,
    is_only_process: bool,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(publisher_module, "is_only_process", lambda: is_only_process)
    settings_update(values={"is_enabled": False})
    publisher = Publisher()
    publisher.turn()
    assert publisher._pause_seconds() == seconds
    CHANGED.add(publisher._settings_news)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            settings_update(values={"is_enabled": True})
    finally:
        CHANGED.discard(publisher._settings_news)
    assert publisher._news.is_set(), "the change wakes it"


def test_disabled_integration_is_tried_again_soon_after_a_failure(
    row: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "is_only_process", lambda: True)
    settings_update(values={"is_enabled": False})
    publisher = Publisher()
    publisher.turn()

    def fail() -> HomeAssistant:
        raise OperationalError

    monkeypatch.setattr(publisher_module, "home_assistant", fail)
    publisher.reread()
    publisher.turn()
    assert publisher._pause_seconds() == SETTINGS_SECONDS
