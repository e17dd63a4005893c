"""Share the fixtures of the backend's tests, and a broker that keeps all messages."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from surveillance.event_streams import events
from surveillance.models import Camera, CameraHealth
from vigil_apps.home_assistant import publisher
from vigil_apps.home_assistant import session as session_module
from vigil_apps.home_assistant.models import HomeAssistant
from vigil_apps.home_assistant.selectors import home_assistant
from vigil_apps.home_assistant.session import Session

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Broker:
    """Takes the place of `broker.Connection`. `is_up` False: nothing is confirmed."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str | bytes]] = []
        self.retained: dict[str, str | bytes] = {}
        self.is_up = True

    def publish(self, topic: str, payload: str | bytes, *, is_retained: bool = False) -> Any:
        self.messages.append((topic, payload))
        if is_retained and self.is_up:
            self.retained[topic] = payload
            if not payload:
                del self.retained[topic]
        return None

    def are_confirmed(self, messages: object) -> bool:
        return self.is_up

    def take(self) -> list[tuple[str, str | bytes]]:
        """Return the messages since the last call."""
        taken, self.messages = self.messages, []
        return taken


@pytest.fixture(autouse=True)
def _keep_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL, a closed connection would end the transaction of the test."""
    for module in (publisher, events):
        monkeypatch.setattr(module, "close_old_connections", lambda: None)
    # The transaction of the test is no other process that may still commit an alert.
    monkeypatch.setattr(session_module, "writers", frozenset)


@pytest.fixture
def broker() -> Broker:
    """Return a broker that is up."""
    return Broker()


@pytest.fixture
def row(db: None) -> HomeAssistant:
    """Return the enabled integration."""
    HomeAssistant.objects.create(pk=1, is_enabled=True, url="mqtt://broker.example", instance="ab12")
    return home_assistant()


@pytest.fixture
def session(row: HomeAssistant, broker: Broker) -> Session:
    """Return a session with that broker."""
    return Session(row, broker)


@pytest.fixture
def report() -> Callable[..., None]:
    """Return a function that stores a detector's report with the number of persons in view."""

    def store(camera: Camera, persons: int | None, *, at: datetime = NOW, **fields: Any) -> None:
        objects = None if persons is None else [{"alert_type": "person", "zone": "", "count": persons}]
        values = {"phase": "Streaming", "reason": "Streaming", "reported_at": at, "objects_in_view": objects}
        CameraHealth.objects.update_or_create(camera=camera, defaults=values | fields)

    return store
