"""Cameras that sleep because their schedule is disarmed: what the API says, and that nothing takes it for a fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.unit.backend.conftest import Party
from tests.unit.backend.test_resource_states import report, state

from surveillance.core.health import Report, camera_health
from surveillance.core.offline import Watch, offline_since, watched_since
from surveillance.core.sleep import Sleep, sleep_after_report
from surveillance.models import Alert, Camera, CameraHealth, CameraHealthChange
from surveillance.services.heartbeats import heartbeat_record
from surveillance.services.offline import offline_alerts_update
from vigil_contracts.health import Heartbeat, StreamHealth
from vigil_contracts.names import CameraPhase, Reason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def reported(age: timedelta) -> Report:
    return Report(CameraPhase.STREAMING, Reason.STREAMING, "", StreamHealth(), NOW - age)


@pytest.mark.parametrize(
    ("asleep_until", "age", "phase"),
    [
        (NOW + HOUR, 2 * HOUR, CameraPhase.ASLEEP),
        (NOW + HOUR, None, CameraPhase.ASLEEP),
        (NOW + HOUR, timedelta(seconds=5), CameraPhase.STREAMING),  # it has just fallen asleep, or is awake again
        (NOW - MINUTE, 2 * HOUR, CameraPhase.PENDING),
        (NOW - MINUTE, timedelta(seconds=5), CameraPhase.STREAMING),
        (NOW - HOUR, 2 * MINUTE, CameraPhase.FAILED),
        (None, 2 * HOUR, CameraPhase.FAILED),
    ],
)
def test_health_of_a_camera_that_sleeps(
    asleep_until: datetime | None, age: timedelta | None, phase: CameraPhase
) -> None:
    last = None if age is None else reported(age)
    health = camera_health(is_active=True, activated_at=None, report=last, now=NOW, asleep_until=asleep_until)
    assert health.phase is phase
    assert health.wake_time == (asleep_until if phase is CameraPhase.ASLEEP else None)


def test_inactive_camera_does_not_sleep() -> None:
    health = camera_health(is_active=False, activated_at=None, report=None, now=NOW, asleep_until=NOW + HOUR)
    assert health.phase is CameraPhase.INACTIVE


AWAKE, NAP = Sleep(None, None), Sleep(NOW + HOUR, NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("known", "wake_time", "arm_time", "now", "after"),
    [
        (AWAKE, NAP.asleep_until, NAP.warm_until, NOW, NAP),
        (AWAKE, NOW + HOUR, None, NOW, Sleep(NOW + HOUR, NOW + HOUR)),
        (AWAKE, None, None, NOW, AWAKE),
        (NAP, None, None, NOW, Sleep(NOW, NOW)),
        (NAP, None, None, NOW + HOUR, NAP),
        (NAP, None, None, NOW + 9 * HOUR, NAP),
    ],
    ids=["falls asleep", "no time to arm", "stays awake", "wakes by an edit", "wakes as planned", "much later"],
)
def test_sleep_follows_the_reports(
    known: Sleep, wake_time: datetime | None, arm_time: datetime | None, now: datetime, after: Sleep
) -> None:
    assert sleep_after_report(known, wake_time=wake_time, arm_time=arm_time, now=now) == after


@pytest.mark.parametrize(
    ("now", "since"),
    [
        (NOW, None),
        (NOW + 2 * HOUR, None),  # it may start until then, and two minutes longer
        (NOW + 2 * HOUR + 3 * MINUTE, NOW + 2 * HOUR),
    ],
)
def test_camera_that_does_not_wake_up_is_offline(now: datetime, since: datetime | None) -> None:
    watch = Watch(watched_since(NOW - 9 * HOUR, NAP.warm_until), NOW - HOUR)
    assert offline_since(watch, now=now) == since


def asleep(camera: Camera, wakes: datetime, **changes: Any) -> dict[str, Any]:
    times = {"wake_time": wakes.isoformat(), "arm_time": (wakes + 5 * MINUTE).isoformat()}
    return state(camera, phase="Asleep", conditions=[]) | times | changes


def test_sleeping_camera_in_the_api(operator: Party, anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=True, activated_at=timezone.now() - HOUR)
    before = Camera.objects.get()
    wakes = (timezone.now() + HOUR).replace(microsecond=0)
    assert report(operator, asleep(camera, wakes)).status_code == 204
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert (health["phase"], health["reason"]) == ("Asleep", "Asleep")
    assert datetime.fromisoformat(health["wake_time"]) == wakes
    shown = anna.client.get(f"/api/cameras/{camera.pk}/resource/").json()
    assert datetime.fromisoformat(shown["wake_time"]) == wakes
    assert Camera.objects.get().updated_at == before.updated_at, "no detector has to read its configuration again"

    assert offline_alerts_update(now=timezone.now()) == (0, 0)
    assert offline_alerts_update(now=wakes + 8 * MINUTE) == (1, 0)

    report(operator, state(camera, phase="Pending"))
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert (health["phase"], health["wake_time"]) == ("Pending", None)


def test_open_outage_of_a_sleeping_camera_stays_open(operator: Party, camera: Camera) -> None:
    """The fault was not repaired only because the camera is not analysed."""
    Camera.objects.update(is_active=True, activated_at=timezone.now() - HOUR)
    assert offline_alerts_update(now=timezone.now()) == (1, 0)
    report(operator, asleep(camera, timezone.now() + HOUR))
    assert offline_alerts_update(now=timezone.now()) == (0, 0)
    assert not Alert.objects.get().resolved


def test_deleted_resource_ends_the_sleep(operator: Party, anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=True)
    report(operator, asleep(camera, timezone.now() + HOUR))
    report(operator, gone=(camera.pk,))
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]["phase"] == "Pending"


def test_history_says_that_the_camera_slept(operator: Party, camera: Camera) -> None:
    beat = Heartbeat(phase=CameraPhase.STREAMING, reason=Reason.STREAMING)
    heartbeat_record(camera=camera, heartbeat=beat, now=timezone.now() - 2 * HOUR)
    report(operator, asleep(camera, timezone.now() + HOUR))
    woken = Camera.objects.get()
    heartbeat_record(camera=woken, heartbeat=beat, now=timezone.now())
    phases = list(CameraHealthChange.objects.order_by("at", "pk").values_list("phase", flat=True))
    assert phases == ["Streaming", "Asleep", "Streaming"]
    assert CameraHealth.objects.get().phase == "Streaming"
