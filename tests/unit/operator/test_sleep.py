"""Cameras whose schedule stays disarmed for long sleep, and are warm again before it is armed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.operator.builders import GPU_CLASS, NOW, camera_body, camera_spec, detector_class, pod
from tests.unit.operator.test_diagnosis import facts
from tests.unit.operator.test_reconcile import carried_out, condition, kinds, settle, situation

from vigil_contracts.health import HealthReport
from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.diagnosis import StepState, diagnose
from vigil_operator.core.observed import DetectorClass, camera_from_body, class_from_body
from vigil_operator.core.situation import Situation
from vigil_operator.core.sleep import warm_up_seconds
from vigil_operator.core.specs import SleepSpec
from vigil_operator.core.start_times import MAX_START_SECONDS, SAMPLES_KEPT, StartTimes, start_seconds
from vigil_operator.core.state_report import state_of

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ARMED_AT = NOW.replace(hour=18)
WARM_UP = timedelta(minutes=5)
"""Without a measurement."""


def schedule(start: str = "18:00", end: str = "06:00", zone: str = "UTC") -> dict[str, Any]:
    return {"timeZone": zone, "windows": [{"days": EVERY_DAY, "start": start, "end": end}]}


def spec(*, windows: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return camera_spec(detection={"schedule": windows or schedule()}, **changes)


def sleeping_class(*, start_seconds: int | None = None, **sleep: Any) -> DetectorClass:
    found = detector_class(**(GPU_CLASS | {"sleep": sleep}))
    body = {
        "metadata": {"name": "gpu", "annotations": {"detectorclass.vigil.dev/is-default-class": "true"}},
        "spec": found.spec,
        "status": {} if start_seconds is None else {"startSeconds": start_seconds},
    }
    return class_from_body(body)


def running(camera: dict[str, Any] | None = None, found: DetectorClass | None = None) -> Situation:
    """A camera that streams while its schedule is armed."""
    start = situation(
        camera_from_body(camera_body(spec=camera or spec())),
        classes={"gpu": found or sleeping_class()},
        now=NOW.replace(hour=5),
    )
    return replace(carried_out(start, settle(start), (pod(),)), now=NOW)


def asleep() -> Situation:
    start = running()
    fell_asleep = carried_out(start, settle(start))
    return replace(fell_asleep, children=replace(fell_asleep.children, deployment=None), now=start.now)


def edited(before: Situation, camera: dict[str, Any]) -> Situation:
    body = camera_body(spec=camera, status=before.camera.status, generation=2)
    return replace(before, camera=camera_from_body(body))


def test_disarmed_camera_gives_its_gpu_back() -> None:
    decision = settle(running())
    assert [removal.kind for removal in decision.remove] == ["Deployment"], "Secret and spool stay"
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["wakeTime"]) == ("Asleep", "2026-03-01T17:55:00Z")
    assert decision.status["armTime"] == "2026-03-01T18:00:00Z"
    ready = condition(decision, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Asleep")
    assert ready["message"] == (
        "The camera is asleep: its schedule is disarmed, so no detector runs and nothing is analysed."
        " The schedule is armed at 2026-03-01 18:00 (UTC); the detector starts at 2026-03-01 17:55."
    )
    assert decision.look_again_seconds == (ARMED_AT - WARM_UP - NOW).total_seconds()


def test_fallback_decides_nothing_about_sleep() -> None:
    """A sleeping camera gives up its fallback: it would wake up, wait for a GPU, fall back and sleep in a circle."""
    night = {**sleeping_class().spec, "fallback": {"className": "cpu", "afterSeconds": 60}}
    cpu = detector_class("cpu", default=False, runtime="openvino")
    given = running(found=detector_class(**night))
    status = given.camera.status | {"detector": {"class": "cpu"}}
    on_fallback = camera_from_body(camera_body(spec=given.camera.spec, status=status))
    classes = {"gpu": detector_class(**night), "cpu": cpu}
    slept = settle(replace(given, camera=on_fallback, classes=classes))
    assert slept.status is not None
    assert (slept.status["phase"], slept.status["detector"]) == ("Asleep", {"class": "gpu"})
    assert settle(carried_out(replace(given, classes=classes), slept)).status is None


def test_api_is_told_the_times() -> None:
    reported = state_of(asleep().camera)
    assert reported is not None
    assert (reported.phase, reported.wake_time, reported.arm_time) == ("Asleep", ARMED_AT - WARM_UP, ARMED_AT)


def test_sleeping_camera_stays_as_it_is() -> None:
    decision = settle(asleep())
    assert (decision.manifests(may_roll=True), decision.remove, decision.status) == ((), (), None)


STAYS_AWAKE: dict[str, Callable[[], Situation]] = {
    "the class lets none sleep": lambda: running(found=detector_class()),
    "always armed": lambda: running(camera_spec()),
    "armed": lambda: replace(running(), now=ARMED_AT + timedelta(hours=1)),
    "too short a time": lambda: replace(running(), now=ARMED_AT - WARM_UP - timedelta(minutes=59)),
    "a longer shortest time": lambda: running(found=sleeping_class(minimumSeconds=6 * 3600)),
    "recorded continuously": lambda: running(spec(recording={"mode": "continuous"})),
    "recorded on motion": lambda: running(spec(recording={"mode": "motion"})),
    "the API is unreachable": lambda: replace(running(), api=replace(running().api, problem="ConnectError")),
    "alerts are on its disk": lambda: replace(running(), api=replace(running().api, health=report(spooled=3))),
}


def report(*, spooled: int = 0) -> HealthReport:
    return HealthReport(phase=CameraPhase.STREAMING, reason=Reason.STREAMING, spooled_alerts=spooled)


@pytest.mark.parametrize("case", STAYS_AWAKE)
def test_camera_stays_awake(case: str) -> None:
    decision = settle(STAYS_AWAKE[case]())
    assert decision.remove == ()
    assert decision.verdict.phase is CameraPhase.STREAMING


def test_camera_recorded_for_alerts_sleeps() -> None:
    assert settle(running(spec(recording={"mode": "alerts"}))).verdict.phase is CameraPhase.ASLEEP


def test_camera_falls_asleep_once_its_alerts_are_delivered() -> None:
    before = running()
    waiting = replace(before, api=replace(before.api, health=report(spooled=3)))
    assert settle(waiting).look_again_seconds == 30
    assert settle(replace(before, api=replace(before.api, health=report()))).verdict.phase is CameraPhase.ASLEEP


@pytest.mark.parametrize("before_arming", [WARM_UP, timedelta(minutes=1), -timedelta(hours=1)])
def test_camera_wakes_before_it_is_armed_and_stays_awake(before_arming: timedelta) -> None:
    woken = settle(replace(asleep(), now=ARMED_AT - before_arming))
    assert kinds(woken) == ["Deployment"]
    assert woken.status is not None
    assert (woken.status["phase"], woken.status["wakeTime"]) == ("Pending", "2026-03-01T17:55:00Z")
    after = carried_out(replace(asleep(), now=ARMED_AT - before_arming), woken, (pod(),))
    reported = state_of(after.camera)
    assert reported is not None
    assert reported.wake_time is None, "the time of the last sleep"
    assert settle(after).verdict.phase is CameraPhase.STREAMING


@pytest.mark.parametrize(
    "change",
    [spec(windows=schedule("12:00", "13:00")), camera_spec(), spec(recording={"mode": "continuous"})],
    ids=["armed now", "always armed", "recorded"],
)
def test_edit_wakes_a_camera_at_once(change: dict[str, Any]) -> None:
    assert kinds(settle(edited(asleep(), change))) == ["Deployment"]


def test_edit_that_arms_nothing_lets_it_sleep() -> None:
    decision = settle(edited(asleep(), spec(displayName="Gate")))
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["observedGeneration"]) == ("Asleep", 2)


def test_camera_switched_off_while_asleep_is_inactive() -> None:
    decision = settle(edited(asleep(), spec(active=False)))
    assert decision.verdict.phase is CameraPhase.INACTIVE
    assert [removal.kind for removal in decision.remove] == ["Secret", "NetworkPolicy"]


@pytest.mark.parametrize(
    ("now", "wakes"),
    [
        (datetime(2026, 3, 28, 10, tzinfo=UTC), "2026-03-28T16:55:00Z"),
        (datetime(2026, 3, 29, 10, tzinfo=UTC), "2026-03-29T15:55:00Z"),
        (datetime(2026, 10, 24, 10, tzinfo=UTC), "2026-10-24T15:55:00Z"),
        (datetime(2026, 10, 25, 10, tzinfo=UTC), "2026-10-25T16:55:00Z"),
    ],
)
def test_wake_time_follows_the_clocks_of_the_schedule(now: datetime, wakes: str) -> None:
    given = replace(running(spec(windows=schedule(zone="Europe/Berlin"))), now=now)
    decision = settle(given)
    assert decision.status is not None
    assert decision.status["wakeTime"] == wakes
    assert "18:00 (Europe/Berlin); the detector starts at" in condition(decision, "Ready")["message"]


def test_night_with_a_repeated_hour_is_an_hour_longer() -> None:
    """Disarmed from 22:00 to 06:00, nine hours by the clock of the sun on 25 October."""
    night = spec(windows=schedule("06:00", "22:00", "Europe/Berlin"))
    given = replace(running(night), now=datetime(2026, 10, 24, 20, 0, 1, tzinfo=UTC))
    assert settle(given).look_again_seconds == 9 * 3600 - WARM_UP.total_seconds() - 1


@pytest.mark.parametrize(
    ("sleep", "status", "seconds"),
    [
        (SleepSpec(), {}, 300),
        (SleepSpec(), {"startSeconds": 10}, 60),
        (SleepSpec(), {"startSeconds": 60}, 120),
        (SleepSpec(), {"startSeconds": 1800}, 2730),
        (SleepSpec(warm_up_seconds=45), {"startSeconds": 1800}, 45),
    ],
)
def test_warm_up_follows_the_measured_starts(sleep: SleepSpec, status: dict[str, Any], seconds: int) -> None:
    assert warm_up_seconds(sleep, status) == seconds


def test_measured_starts_decide_the_wake_time() -> None:
    decision = settle(running(found=sleeping_class(start_seconds=60)))
    assert decision.status is not None
    assert decision.status["wakeTime"] == "2026-03-01T17:58:00Z"


def starting(**of_pod: Any) -> Situation:
    """A camera whose detector was created 42 s ago."""
    start = situation()
    before = carried_out(start, settle(start))
    created = before.now - timedelta(seconds=42)
    return replace(before, children=replace(before.children, pods=(pod(created=f"{created:%FT%TZ}", **of_pod),)))


def test_start_is_measured_from_the_pod_to_the_stream() -> None:
    given = starting()
    assert start_seconds(given, settle(given).verdict) == 42


def test_only_first_starts_count() -> None:
    given = starting(ready=False)
    assert start_seconds(given, settle(given).verdict) is None, "it does not stream yet"
    given = starting(container={"restartCount": 1})
    assert start_seconds(given, settle(given).verdict) is None, "a restart is not a start"
    given = starting()
    streaming = carried_out(given, settle(given), given.children.pods)
    assert start_seconds(streaming, settle(streaming).verdict) is None, "it has streamed before"
    late = replace(given, now=given.now + timedelta(seconds=MAX_START_SECONDS))
    assert start_seconds(late, settle(late).verdict) is None, "it waited for something else"


def test_published_start_time_is_the_90th_percentile() -> None:
    times = StartTimes()
    assert times.published_seconds("gpu", None) is None
    for seconds in range(1, 101):
        times.record("gpu", float(seconds))
    assert times.published_seconds("gpu", None) == 100, "the 18th of the last 20 is 98 s, in steps of 5 s"
    assert times.published_seconds("cpu", None) is None


def test_start_time_survives_a_restart_of_the_operator() -> None:
    times = StartTimes()
    assert times.published_seconds("gpu", 60) == 60
    times.record("gpu", 10.0)
    assert times.published_seconds("gpu", 60) == 60, "one fast start proves little"
    for _ in range(SAMPLES_KEPT):
        times.record("gpu", 10.0)
    assert times.published_seconds("gpu", 60) == 10


def test_operators_of_one_cluster_do_not_replace_each_others_start_time() -> None:
    one, other = StartTimes(), StartTimes()
    for _ in range(SAMPLES_KEPT):
        one.record("gpu", 10.0)
        other.record("gpu", 60.0)
    first = one.published_seconds("gpu", None)
    assert one.published_seconds("gpu", first) == first == 10
    second = other.published_seconds("gpu", first)
    assert other.published_seconds("gpu", second) == second == 60
    assert one.published_seconds("gpu", second) == 60, "it has measured nothing since"
    one.record("gpu", 10.0)
    assert one.published_seconds("gpu", second) == 10


def test_diagnosis_says_that_it_sleeps() -> None:
    given = asleep()
    sleeping = HealthReport(phase=CameraPhase.ASLEEP, reason=Reason.ASLEEP, reported_at=NOW, message="Asleep.")
    start = facts()
    assert start.row is not None
    row = start.row.model_copy(update={"health": sleeping})
    found = diagnose(replace(start, camera=given.camera, children=given.children, row=row))
    assert found.verdict.startswith("Detector: The camera is asleep")
    assert {step.state for step in found.steps} == {StepState.OK, StepState.WAITING}
