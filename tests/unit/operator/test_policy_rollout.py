"""The steps of a policy's rollout: how many cameras, when, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.operator.builders import NAMESPACE, NOW, camera

from vigil_operator.core.observed import Key
from vigil_operator.core.policy_rollout import Member, Step, member_of, next_step
from vigil_operator.core.policy_spec import PolicyRollout

ROLLOUT = PolicyRollout(step_percent=20, min_ready_seconds=30, progress_deadline_seconds=60)
AT_ONCE = PolicyRollout(step_percent=100, min_ready_seconds=0)


def members(count: int = 10, *, updated: int = 0) -> list[Member]:
    return [Member(Key(NAMESPACE, f"c{number}"), has_newest=number < updated) for number in range(count)]


def step(found: list[Member], rollout: PolicyRollout = ROLLOUT, *, seconds_since_step: float | None = None) -> Step:
    last = None if seconds_since_step is None else NOW - timedelta(seconds=seconds_since_step)
    return next_step(found, rollout, started=NOW - timedelta(seconds=500), last_step=last, now=NOW)


def names(found: Step) -> list[str]:
    return [key.name for key in found.grant]


@pytest.mark.parametrize(
    ("found", "seconds", "granted"),
    [
        (members(), None, ["c0", "c1"]),
        (members(3), None, ["c0"]),
        (members(updated=2), 29, []),
        (members(updated=2), 30, ["c2", "c3"]),
        (members(updated=9), 30, ["c9"]),
        (members(updated=10), 30, []),
        ([], None, []),
    ],
)
def test_size_and_time_of_steps(found: list[Member], seconds: float | None, granted: list[str]) -> None:
    assert step(found, seconds_since_step=seconds) == Step(tuple(Key(NAMESPACE, name) for name in granted))


def test_all_at_once() -> None:
    assert len(step(members(), AT_ONCE).grant) == 10


def test_next_step_waits_for_the_cameras_of_the_last() -> None:
    granted, *rest = members()
    granted = replace(granted, is_granted=True)
    assert step([granted, *rest], seconds_since_step=59) == Step()
    stopped = step([granted, *rest], seconds_since_step=61)
    assert stopped == Step(stopped="camera c0 is not ready 60 s after its step: its change has not reached the API")


@pytest.mark.parametrize(("seconds", "is_stopped"), [(59, False), (61, True)])
def test_camera_that_does_not_become_ready_stops_the_rollout(seconds: float, is_stopped: bool) -> None:
    late, *rest = members(updated=1)
    late = replace(late, problem="Starting", details="The detector is starting.", since=NOW)
    found = step([late, *rest], seconds_since_step=seconds)
    assert found.grant == ()
    assert bool(found.stopped) is is_stopped


def test_broken_camera_stops_the_rollout_at_once_and_until_it_is_ready() -> None:
    broken, *rest = members(updated=1)
    broken = replace(broken, problem="DetectorCrashing", details="It exits.", since=NOW)
    stopped = step([broken, *rest], seconds_since_step=1000)
    assert stopped == Step(stopped="camera c0 has the new values and is not ready: DetectorCrashing: It exits.")
    assert names(step([members(updated=1)[0], *rest], seconds_since_step=1000)) == ["c1", "c2"]


def test_camera_that_was_broken_before_holds_up_nothing_and_is_updated_first() -> None:
    first, *rest = members()
    broken = replace(first, problem="ModelInvalid", since=NOW - timedelta(seconds=501))
    assert names(step([*rest, broken])) == ["c0", "c1", "c2"]
    updated = replace(broken, has_newest=True)
    assert names(step([*rest, updated], seconds_since_step=30)) == ["c1", "c2"]


def ready(status: str, reason: str, message: str = "It says why.") -> dict[str, object]:
    found = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {"conditions": [{**found, "lastTransitionTime": "2026-03-01T11:59:00Z"}]}


@pytest.mark.parametrize(
    ("status", "problem", "is_own_fault"),
    [
        (ready("True", "Streaming"), "", False),
        (ready("False", "StreamUnreachable"), "", False),
        (ready("False", "Starting"), "Starting", False),
        (ready("False", "InvalidSpec", "spec.stream.url: must be an RTSP URL"), "InvalidSpec", True),
        (
            ready("False", "InvalidSpec", "spec.x: no; the value comes from CameraPolicy 'night'"),
            "InvalidSpec",
            False,
        ),
        ({}, "", False),
    ],
)
def test_what_counts_against_a_policy(status: dict[str, object], problem: str, is_own_fault: bool) -> None:
    found = member_of(camera("c", status=status), "night", has_newest=True, is_granted=False)
    assert (found.problem, found.is_own_fault) == (problem, is_own_fault)
    assert found.names_policy is ("CameraPolicy" in found.details)


def test_camera_with_an_invalid_spec_of_its_own_does_not_stop_the_rollout() -> None:
    first, *rest = members()
    invalid = replace(first, is_granted=True, problem="InvalidSpec", is_own_fault=True, since=NOW)
    assert names(step([invalid, *rest], seconds_since_step=61)) == ["c1", "c2"]


def test_value_of_the_policy_that_a_camera_cannot_have_stops_the_rollout_whatever_its_state_was() -> None:
    first, *rest = members()
    before = NOW - timedelta(seconds=501)
    invalid = replace(first, is_granted=True, problem="InvalidSpec", details="No.", names_policy=True, since=before)
    assert step([invalid, *rest], seconds_since_step=1).stopped.endswith("is not ready: InvalidSpec: No.")
