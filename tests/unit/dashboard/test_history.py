"""History of a camera: each change of state once, and a silence with its start."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from tests.unit.dashboard.test_pages import add_camera

from surveillance.models import Camera, CameraHealthChange
from surveillance.services import heartbeats
from surveillance.services.heartbeats import heartbeat_record
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import CameraPhase, Reason

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def camera(anna: User) -> Camera:
    return add_camera(anna)


def report(camera: Camera, reason: Reason, second: int, message: str = "") -> None:
    phase = CameraPhase.STREAMING if reason is Reason.STREAMING else CameraPhase.DEGRADED
    heartbeat = Heartbeat(phase=phase, reason=reason, message=message)
    heartbeat_record(camera=camera, heartbeat=heartbeat, now=NOON + timedelta(seconds=second))


def history(camera: Camera) -> list[tuple[str, float]]:
    rows = CameraHealthChange.objects.filter(camera=camera).order_by("id")
    return [(row.reason, (row.at - NOON).total_seconds()) for row in rows]


def test_unchanged_state_is_recorded_once(camera: Camera) -> None:
    for second in (0, 10, 20):
        report(camera, Reason.STREAMING, second)
    report(camera, Reason.STREAM_FROZEN, 25)
    report(camera, Reason.STREAMING, 30)
    assert history(camera) == [("Streaming", 0), ("StreamFrozen", 25), ("Streaming", 30)]


def test_silence_begins_when_the_last_report_expires(camera: Camera) -> None:
    report(camera, Reason.STREAMING, 0)
    report(camera, Reason.STREAMING, 100)
    assert history(camera) == [("Streaming", 0), ("DetectorNotReporting", 30), ("Streaming", 100)]


def test_flapping_camera_history_is_bounded(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "CHANGES_KEPT", 3)
    for second in range(10):
        report(camera, Reason.STREAM_FROZEN if second % 2 else Reason.STREAMING, second)
    assert [second for _reason, second in history(camera)] == [7, 8, 9]


def test_history_page_shows_no_credentials(client: Client, camera: Camera) -> None:
    report(camera, Reason.STREAM_TIMEOUT, 0, "rtsp://root:Pa55word@camera.example/1 went away")
    page = client.get(f"/dashboard/cameras/{camera.pk}/").content.decode()
    assert "went away" in page
    assert "Pa55word" not in page
