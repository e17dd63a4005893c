"""Message contents, and this machine as the receiver."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.integration.services.http_receiver import Receiver, http_receiver

from vigil_apps.notifications.channels import base, http_client, mqtt
from vigil_apps.notifications.core.events import CloudEvent, sample_event
from vigil_apps.notifications.core.message import Content, NotifiedAlert
from vigil_apps.notifications.core.names import MessageKind
from vigil_contracts.addresses import PublicAddresses
from vigil_contracts.names import AlertType

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def reachable(settings: Any, tmp_path: Path) -> Any:
    """Allows loopback as an administrator could; images are in the test's directory."""
    settings.VIGIL_NOTIFY_ADDRESSES = PublicAddresses((ip_network("127.0.0.0/8"),))
    storage = {"BACKEND": "surveillance.storages.DirectoryStorage", "OPTIONS": {"location": tmp_path / "media"}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    return settings


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Limits an attempt to one second."""
    for module in (base, http_client, mqtt):
        monkeypatch.setattr(module, "SEND_SECONDS", 1.0)
    return 1.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Without TLS."""
    with http_receiver() as made:
        yield made


def sample() -> CloudEvent:
    """The event of a test message."""
    return sample_event(
        event_id=str(uuid.uuid4()),
        source="/api/notifications/3/",
        subscription_id=3,
        subscription_name="Nights",
        at=NOW,
    )


def content(*, image_key: str = "", camera_name: str = "Front gate ä", event: CloudEvent | None = None) -> Content:
    """A message with one alert, or an event."""
    alert = NotifiedAlert(
        id=17,
        camera=7,
        camera_name=camera_name,
        site=1,
        alert_type=AlertType.PERSON,
        confidence=0.87,
        timestamp=NOW,
        description="",
        label="person",
        zone="door",
        rule="",
        url="https://vigil.example/dashboard/alerts/17/",
        image_key=image_key,
    )
    return Content(uuid.uuid4(), MessageKind.ALERTS, 3, "Nights", NOW, [alert], event)
