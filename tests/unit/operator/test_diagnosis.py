from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.builders import NOW, PASSWORD, camera, camera_spec, detector_class, plan, pod, stored

from vigil_contracts.camera import CameraSummary, HealthReport, StreamHealth
from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.secret import build_secret
from vigil_operator.core.diagnosis import Facts, diagnose, find_camera
from vigil_operator.core.reconcile import Children

STREAM = StreamHealth(width=768, height=432, codec="h264", frames_per_second=12.0, last_frame_time=NOW)
GOOD = HealthReport(
    phase=CameraPhase.STREAMING, reason=Reason.STREAMING, message="Pictures arrive.", stream=STREAM, reported_at=NOW
)


def row(*, is_active: bool = True, health: HealthReport = GOOD) -> CameraSummary:
    return CameraSummary(id=7, name="Gate", is_active=is_active, health=health)


def facts(**changes: Any) -> Facts:
    children = Children(stored(build_deployment(plan())), stored(build_secret(plan())), pods=(pod(),))
    base = Facts(
        wanted="cam-7",
        camera=camera(),
        children=children,
        classes={"gpu": detector_class()},
        row=row(),
        row_problem="",
        lease_holder="operator-1",
        now=NOW,
    )
    return replace(base, **changes)


def test_a_camera_that_works_is_said_to() -> None:
    found = diagnose(facts())
    assert found.verdict.startswith("Nothing is wrong")
    assert [step.state.value for step in found.steps] == ["ok"] * len(found.steps)
    assert len(found.steps) == 9


WAITING = pod(unschedulable="0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
UNAUTHORIZED = HealthReport(
    phase=CameraPhase.FAILED, reason=Reason.STREAM_UNAUTHORIZED, message="The camera refuses.", reported_at=NOW
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"lease_holder": ""}, "Operator: No replica is active."),
        ({"row": row(is_active=False)}, "API: Camera 7 is switched off."),
        ({"row": None}, "API: The API knows no such camera."),
        ({"row": None, "row_problem": "GET /api/cameras/7/: ConnectError"}, "API: GET /api/cameras/7/: ConnectError"),
        ({"camera": None}, "Resource: There is no Camera resource."),
        ({"camera": camera(spec=camera_spec(active=False))}, "Spec: spec.active is false."),
        ({"camera": camera(spec={})}, "Spec: spec.stream: "),
        ({"classes": {}}, "Class: The detector class does not exist."),
        ({"children": Children()}, "Token: The detector has no Secret yet"),
        ({"children": replace(facts().children, pods=())}, "Detector: The Deployment has no pod"),
        ({"children": replace(facts().children, pods=(WAITING,))}, "Scheduling: No node has a free GPU"),
        ({"row": row(health=UNAUTHORIZED)}, "Stream: The camera refuses. Reported 0 s ago"),
    ],
)
def test_the_first_thing_that_is_wrong_is_the_verdict(changes: dict[str, Any], verdict: str) -> None:
    assert diagnose(facts(**changes)).verdict.startswith(verdict)


def test_the_page_holds_no_secret() -> None:
    assert PASSWORD not in json.dumps(diagnose(facts()).to_json())


def test_a_camera_is_found_by_name_or_id() -> None:
    found = camera()
    assert find_camera("cam-7", {found.key: found}) is found
    assert find_camera("7", {found.key: found}) is found
    assert find_camera("8", {found.key: found}) is None
