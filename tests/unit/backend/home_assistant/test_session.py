"""What Home Assistant is told about cameras, in which order, and after which faults."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from tests.unit.backend.conftest import Party
from tests.unit.backend.home_assistant.conftest import NOW, Broker

from surveillance.models import Alert, Camera
from vigil_apps.audit.models import AuditEntry, Via
from vigil_apps.home_assistant import session as session_module
from vigil_apps.home_assistant.models import HomeAssistant, PublishedDevice
from vigil_apps.home_assistant.selectors import home_assistant
from vigil_apps.home_assistant.services import lease_acquire, lease_release
from vigil_apps.home_assistant.session import Session
from vigil_apps.sites.models import Site

Report = Callable[..., None]


def _configuration(broker: Broker, camera: Camera) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(broker.retained[f"homeassistant/device/vigil_ab12_{camera.pk}/config"])
    return found


def _states(broker: Broker, camera: Camera) -> dict[str, str | bytes]:
    prefix = f"vigil/ab12/{camera.pk}/"
    return {topic.removeprefix(prefix): payload for topic, payload in broker.take() if topic.startswith(prefix)}


def _later(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the session check the list of cameras with its next turn."""
    monkeypatch.setattr(session, "_checked_at", -1000.0)


def test_camera_becomes_a_device(session: Session, broker: Broker, camera: Camera, report: Report) -> None:
    report(camera, 1)
    session.turn(NOW)
    device = _configuration(broker, camera)
    assert device["dev"]["name"] == "Gate"
    assert device["o"]["name"] == "Vigil"
    assert {key: one["p"] for key, one in device["cmps"].items()} == {
        "alert": "event",
        "image": "image",
        "status": "sensor",
        "reason": "sensor",
        "person": "binary_sensor",
        "person_count": "sensor",
    }
    assert broker.retained["vigil/ab12/status"] == "online"
    assert broker.retained[f"vigil/ab12/{camera.pk}/availability"] == "online"
    states = _states(broker, camera)
    assert json.loads(states["objects"]) == {"person": 1}
    assert json.loads(states["health"])["reason"] == "Streaming"
    assert states["active"] == "ON"


def test_only_changes_are_published(session: Session, broker: Broker, camera: Camera, report: Report) -> None:
    report(camera, 0)
    session.turn(NOW)
    broker.take()
    report(camera, 0, at=NOW + timedelta(seconds=1))
    session.turn(NOW + timedelta(seconds=1))
    assert broker.take() == []
    report(camera, 2, at=NOW + timedelta(seconds=2))
    session.turn(NOW + timedelta(seconds=2))
    assert broker.take() == [(f"vigil/ab12/{camera.pk}/objects", '{"person": 2}')]


def test_counts_are_never_retained(session: Session, broker: Broker, camera: Camera, report: Report) -> None:
    report(camera, 1)
    session.turn(NOW)
    assert not any(topic.endswith(("/objects", "/image", "/alert")) for topic in broker.retained)


def test_silent_camera_is_offline_within_30_seconds(
    session: Session, broker: Broker, camera: Camera, report: Report
) -> None:
    report(camera, 1)
    session.turn(NOW)
    broker.take()
    session.turn(NOW + timedelta(seconds=27))
    assert broker.take() == []
    session.turn(NOW + timedelta(seconds=29))
    states = _states(broker, camera)
    assert states["availability"] == "offline"
    assert json.loads(states["health"])["reason"] == "DetectorNotReporting"
    assert "person" in _configuration(broker, camera)["cmps"], "its entities stay"
    report(camera, 0, at=NOW + timedelta(seconds=40))
    session.turn(NOW + timedelta(seconds=40))
    states = _states(broker, camera)
    assert (states["objects"], states["availability"]) == ('{"person": 0}', "online")


def test_home_assistant_that_starts_hears_everything_again(
    session: Session, broker: Broker, camera: Camera, report: Report
) -> None:
    report(camera, 1)
    session.turn(NOW)
    first = broker.take()
    session.handle("homeassistant/status", "offline")
    session.turn(NOW)
    assert broker.take() == []
    session.handle("homeassistant/status", "online")
    session.turn(NOW)
    assert broker.take() == first


def test_renamed_camera_keeps_its_entities(
    session: Session, broker: Broker, camera: Camera, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(camera, 1)
    session.turn(NOW)
    before = _configuration(broker, camera)
    camera.name = "North gate"
    camera.save()
    _later(session, monkeypatch)
    session.turn(NOW)
    after = _configuration(broker, camera)
    assert after["dev"] == before["dev"] | {"name": "North gate"}
    assert after["cmps"] == before["cmps"]


def test_deleted_camera_leaves_nothing_also_after_a_restart(
    session: Session, broker: Broker, camera: Camera, report: Report, row: HomeAssistant
) -> None:
    report(camera, 1)
    session.turn(NOW)
    camera_id = camera.pk
    camera.delete()
    broker.is_up = False
    Session(row, broker).turn(NOW)
    assert PublishedDevice.objects.filter(camera_id=camera_id).exists(), "not confirmed: tried again"
    broker.is_up = True
    Session(row, broker).turn(NOW)
    assert list(broker.retained) == ["vigil/ab12/status"]
    assert not PublishedDevice.objects.exists()


def test_entity_of_a_removed_type_is_removed_before_it_is_left_out(
    session: Session, broker: Broker, camera: Camera, report: Report
) -> None:
    report(camera, 1)
    session.turn(NOW)
    broker.take()
    dog = {"alert_type": "animal", "zone": "", "count": 0}
    report(camera, None, at=NOW + timedelta(seconds=1), objects_in_view=[dog])
    session.turn(NOW + timedelta(seconds=1))
    topic = f"homeassistant/device/vigil_ab12_{camera.pk}/config"
    first, second = [json.loads(payload)["cmps"] for name, payload in broker.take() if name == topic]
    assert first["person"] == {"p": "binary_sensor"}
    assert first["person_count"] == {"p": "sensor"}
    assert "person" not in second
    assert "animal" in second


def test_zone_has_its_own_entities(session: Session, broker: Broker, camera: Camera, report: Report) -> None:
    objects = [{"alert_type": "person", "zone": zone, "count": count} for zone, count in (("", 2), ("Tür ä", 1))]
    report(camera, None, objects_in_view=objects)
    session.turn(NOW)
    components = _configuration(broker, camera)["cmps"]
    (key,) = [key for key, one in components.items() if one["name"] == "Person in Tür ä"]
    assert json.loads(_states(broker, camera)["objects"])[key] == 1
    assert components[f"{key}_count"]["enabled_by_default"] is False


def test_only_cameras_of_the_chosen_sites_are_published(
    broker: Broker, camera: Camera, row: HomeAssistant, site: Site, report: Report
) -> None:
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url="rtsp://h/1", is_active=True)
    Session(row, broker).turn(NOW)
    assert _configuration(broker, other)
    HomeAssistant.objects.update(sites=[site.pk])
    Session(home_assistant(), broker).turn(NOW)
    assert _configuration(broker, camera)["dev"]["sa"] == "Yard"
    assert f"homeassistant/device/vigil_ab12_{other.pk}/config" not in broker.retained


def _two_turns(session: Session) -> None:
    """PostgreSQL's ids have gaps: only the second turn knows that the missing ids will not come."""
    session.turn(NOW)
    session.turn(NOW)


def _alert(camera: Camera, event_id: str, **fields: Any) -> Alert:
    values = {"alert_type": "person", "confidence": 0.91, "timestamp": NOW, "label": "person", "zone": "door"}
    return Alert.objects.create(camera=camera, event_id=event_id, **(values | fields))


def test_alert_is_an_event_once(
    session: Session, broker: Broker, camera: Camera, row: HomeAssistant, settings: Any
) -> None:
    settings.VIGIL_PUBLIC_URL = "https://vigil.example"
    session.turn(NOW)
    alert = _alert(camera, "event-0001")
    broker.take()
    _two_turns(session)
    ((topic, payload),) = broker.take()
    assert topic == f"vigil/ab12/{camera.pk}/alert"
    event = json.loads(payload)
    assert (event["event_type"], event["zone"], event["confidence"]) == ("person", "door", 0.91)
    assert event["url"] == f"https://vigil.example/dashboard/alerts/{alert.pk}/"
    session.turn(NOW)
    session.repeat()
    session.turn(NOW)
    Session(home_assistant(), broker).turn(NOW)
    assert not any(name.endswith("/alert") for name, _ in broker.take())


def test_alert_of_an_outage_is_published_afterwards_unless_it_is_old(
    session: Session, broker: Broker, camera: Camera
) -> None:
    session.turn(NOW)
    broker.is_up = False
    _alert(camera, "event-0001", timestamp=NOW - timedelta(minutes=11))
    _alert(camera, "event-0002")
    session.turn(NOW)
    broker.is_up = True
    broker.take()
    _two_turns(Session(home_assistant(), broker))
    events = [json.loads(payload) for topic, payload in broker.take() if topic.endswith("/alert")]
    assert [event["alert"] for event in events] == [Alert.objects.get(event_id="event-0002").pk]


@pytest.mark.parametrize("who", ["site_operator", "viewer"])
def test_switch_has_the_rights_of_its_user(
    request: pytest.FixtureRequest, who: str, broker: Broker, camera: Camera, row: HomeAssistant, report: Report
) -> None:
    user: User = request.getfixturevalue(who).user
    HomeAssistant.objects.update(acts_as=user)
    session = Session(home_assistant(), broker)
    session.turn(NOW)
    assert _configuration(broker, camera)["cmps"]["active"]["p"] == "switch"
    broker.take()
    session.handle(f"vigil/ab12/{camera.pk}/active/set", "OFF")
    session.turn(NOW)
    camera.refresh_from_db()
    assert camera.is_active == (who == "viewer")
    assert _states(broker, camera)["active"] == ("ON" if who == "viewer" else "OFF"), "the state is published anyway"
    if who == "site_operator":
        entry = AuditEntry.objects.filter(kind="camera").latest("id")
        assert (entry.actor_id, entry.via, entry.token_name) == (user.pk, Via.SYSTEM, "Home Assistant")


def test_reactivated_camera_is_available_with_its_first_report(
    session: Session, broker: Broker, camera: Camera, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(camera, 1)
    session.turn(NOW)
    camera.activated_at = NOW + timedelta(seconds=5)
    camera.save()
    _later(session, monkeypatch)
    session.turn(NOW + timedelta(seconds=6))
    assert _states(broker, camera)["availability"] == "offline", "its report is from before the activation"
    report(camera, 1, at=NOW + timedelta(seconds=7))
    session.turn(NOW + timedelta(seconds=7))
    assert _states(broker, camera)["availability"] == "online", "although the report says the same as before"


def test_switch_of_a_deactivated_user_does_nothing(
    site_operator: Party, broker: Broker, camera: Camera, row: HomeAssistant
) -> None:
    HomeAssistant.objects.update(acts_as=site_operator.user)
    User.objects.filter(pk=site_operator.user.pk).update(is_active=False)
    session = Session(home_assistant(), broker)
    session.turn(NOW)
    session.handle(f"vigil/ab12/{camera.pk}/active/set", "OFF")
    camera.refresh_from_db()
    assert camera.is_active


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("vigil/other/{camera}/active/set", "OFF"),
        ("vigil/ab12/{camera}/active/set", "off"),
        ("vigil/ab12/99999/active/set", "OFF"),
        ("vigil/ab12/²/active/set", "OFF"),
        ("vigil/ab12/{camera}/active", "OFF"),
    ],
)
def test_other_messages_switch_nothing(
    root: Party, broker: Broker, camera: Camera, row: HomeAssistant, topic: str, payload: str
) -> None:
    HomeAssistant.objects.update(acts_as=root.user)
    session = Session(home_assistant(), broker)
    session.turn(NOW)
    session.handle(topic.format(camera=camera.pk), payload)
    camera.refresh_from_db()
    assert camera.is_active


def test_disabling_removes_all_devices(session: Session, broker: Broker, camera: Camera, report: Report) -> None:
    report(camera, 1)
    session.turn(NOW)
    session.remove_all()
    assert list(broker.retained) == ["vigil/ab12/status"]


def test_many_cameras_are_published_in_several_turns(
    session: Session, broker: Broker, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        Camera.objects.create(user=camera.user, name=f"c{number}", rtsp_url="rtsp://h/1", is_active=True)
    monkeypatch.setattr(session_module, "TURN_SECONDS", -1.0)
    for expected in (1, 2, 3, 4, 4):
        session.turn(NOW)
        assert PublishedDevice.objects.count() == expected


def test_one_process_publishes_at_a_time(row: HomeAssistant) -> None:
    assert lease_acquire(holder="one", now=NOW)
    assert not lease_acquire(holder="two", now=NOW + timedelta(seconds=9))
    assert lease_acquire(holder="one", now=NOW + timedelta(seconds=9))
    assert not lease_acquire(holder="two", now=NOW + timedelta(seconds=18))
    assert lease_acquire(holder="two", now=NOW + timedelta(seconds=20)), "the first has died"
    lease_release(holder="one")
    assert not lease_acquire(holder="one", now=NOW + timedelta(seconds=21))
    lease_release(holder="two")
    assert lease_acquire(holder="one", now=NOW + timedelta(seconds=21))
