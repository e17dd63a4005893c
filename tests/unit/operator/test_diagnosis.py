from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import tzdata
from tests.unit.operator.builders import (
    GPU_CLASS,
    NOW,
    PASSWORD,
    camera,
    camera_spec,
    detector_class,
    plan,
    pod,
    stored,
    stored_deployment,
)

from vigil_contracts.api_client import ApiError
from vigil_contracts.camera import AlertTotals, CameraSummary
from vigil_contracts.clusters import ClusterQuery
from vigil_contracts.health import HealthReport, StreamHealth
from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.secret import build_secret
from vigil_operator.core.diagnosis import Diagnosis, Facts, Step, StepState, diagnose, find_camera
from vigil_operator.core.policy_merge import PolicyRevision
from vigil_operator.core.policy_spec import LabelSelector
from vigil_operator.core.situation import Children
from vigil_operator.diagnose import api_problem, print_page

STREAM = StreamHealth(width=768, height=432, codec="h264", frames_per_second=12.0, last_frame_time=NOW)
GOOD = HealthReport(
    phase=CameraPhase.STREAMING,
    reason=Reason.STREAMING,
    message="The camera is streaming.",
    stream=STREAM,
    reported_at=NOW,
)


def row(*, is_active: bool = True, health: HealthReport = GOOD) -> CameraSummary:
    return CameraSummary(id=7, name="Gate", is_active=is_active, health=health)


def facts(**changes: Any) -> Facts:
    children = Children(stored_deployment(build_deployment(plan())), stored(build_secret(plan())), pods=(pod(),))
    base = Facts(
        wanted="cam-7",
        camera=camera(),
        children=children,
        classes={"gpu": detector_class()},
        row=row(),
        row_problem="",
        cluster=ClusterQuery(cluster="north", identity="digest/vigil-cameras"),
        lease_holder="operator-1",
        lease_renewed_at=NOW - timedelta(seconds=2),
        now=NOW,
    )
    return replace(base, **changes)


def test_diagnosis_of_a_working_camera() -> None:
    found = diagnose(facts())
    assert found.verdict.startswith("Nothing is wrong")
    assert [step.state.value for step in found.steps] == ["ok"] * len(found.steps)
    assert len(found.steps) == 10


UNREGISTERED = {"type": "Synced", "status": "False", "message": "owner: must be the name of an active user"}
UNSCHEDULED = pod(scheduled="Unknown", node="", phase="Pending", ready=False)
WAITING = pod(unschedulable="0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
UNAUTHORIZED = HealthReport(
    phase=CameraPhase.FAILED, reason=Reason.STREAM_UNAUTHORIZED, message="The camera refuses.", reported_at=NOW
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"lease_holder": ""}, "Operator: No replica is active."),
        (
            {"lease_renewed_at": NOW - timedelta(minutes=5)},
            "Operator: No replica is active. Start the operator; see its log. operator-1 was the last one and has "
            "not been heard of for 0:05:00.",
        ),
        (
            {"row": None, "camera": camera(status={"conditions": [UNREGISTERED]})},
            "API: The API knows no such camera. owner: must be the name of an active user",
        ),
        ({"row": row(is_active=False)}, "API: Camera 7 is switched off."),
        ({"row": None}, "API: The API knows no such camera."),
        ({"row": None, "row_problem": "GET /api/cameras/7/: ConnectError"}, "API: GET /api/cameras/7/: ConnectError"),
        ({"camera": None}, "Resource: There is no Camera resource."),
        ({"camera": camera(spec=camera_spec(active=False))}, "Spec: spec.active is false."),
        ({"camera": camera(spec={})}, "Spec: spec.stream: "),
        ({"classes": {}}, "Class: The detector class does not exist."),
        ({"children": Children()}, "Token: The detector has no Secret yet"),
        ({"children": replace(facts().children, pods=())}, "Detector: The Deployment has no pod: `kubectl describe"),
        ({"children": replace(facts().children, pods=(WAITING,))}, "Scheduling: No node has a free GPU"),
        ({"row": row(health=UNAUTHORIZED)}, "Stream: The camera refuses. Last report 0 s ago."),
        ({"children": replace(facts().children, pods=(UNSCHEDULED,))}, "Scheduling: The detector is starting."),
    ],
)
def test_first_problem_decides_the_verdict(changes: dict[str, Any], verdict: str) -> None:
    assert diagnose(facts(**changes)).verdict.startswith(verdict)


def step(found: Diagnosis, name: str) -> Step:
    return next(step for step in found.steps if step.name == name)


def test_unscheduled_pod_is_no_fault_at_first() -> None:
    found = diagnose(facts(children=replace(facts().children, pods=(UNSCHEDULED,))))
    assert step(found, "Scheduling").state is StepState.WAITING


def test_the_class_is_the_one_in_use() -> None:
    fallback = {"className": "cpu", "afterSeconds": 60}
    classes = {
        "gpu": detector_class(**GPU_CLASS, fallback=fallback),
        "cpu": detector_class("cpu", default=False, runtime="openvino"),
    }
    fallen = camera(status={"observedGeneration": 1, "detector": {"class": "cpu"}})
    found = step(diagnose(facts(classes=classes, camera=fallen)), "Class")
    assert found.text == "cpu: openvino, no GPU. It is the fallback of gpu, which found no usable GPU."
    assert step(diagnose(facts(classes=classes)), "Class").text == "gpu: ultralytics, 1 x nvidia.com/gpu."


def test_values_of_a_policy_count_like_the_cameras_own() -> None:
    classes = {"gpu": detector_class(), "cpu": detector_class("cpu", default=False, runtime="openvino")}
    rules = [{"name": "gate", "type": "intrusion", "zone": "gate"}]
    policy = PolicyRevision("yard", 1, 0, LabelSelector(), {"detectorClassName": "cpu"})
    own = facts(classes=classes, camera=camera("gate", camera_id=None), policies=(policy,))
    assert step(diagnose(own), "Class").text == "cpu: openvino, no GPU."
    wrong = replace(own, policies=(replace(policy, defaults={"detection": {"rules": rules}}),))
    assert step(diagnose(wrong), "Spec").text.endswith("; the value comes from CameraPolicy 'yard'")
    of_api = replace(own, camera=camera())
    assert step(diagnose(of_api), "Class").text == "gpu: ultralytics, 1 x nvidia.com/gpu."


def test_diagnosis_without_alerts_names_what_creates_one() -> None:
    watchful = camera_spec(detection={"classes": ["person"], "minimumConfidence": 0.6})
    found = step(diagnose(facts(camera=camera(spec=watchful))), "Alerts")
    assert found.text == "None so far. Looks for person from a confidence of 0.6, armed always."
    some = replace_row(alerts=AlertTotals(total=3, last_alert_time=NOW))
    assert step(diagnose(facts(row=some)), "Alerts").text.startswith("3, the last at 2026-03-01 12:00:00 UTC. Looks")


def replace_row(**changes: Any) -> CameraSummary:
    return row().model_copy(update=changes)


@pytest.mark.parametrize(
    ("cluster", "watched_by", "state", "words"),
    [
        ("", "north", StepState.OK, "This cluster (north) watches the camera."),
        ("south", "south", StepState.FAILED, "The camera is assigned to cluster south, and this is north."),
        ("south", None, StepState.FAILED, "The camera is assigned to cluster south, and this is north."),
        ("north", "south", StepState.WAITING, "Cluster south has not yet removed its detector; then this cluster"),
        ("", "digest/other", StepState.FAILED, "Cluster digest/other watches the camera, and this is north."),
        ("north", None, StepState.WAITING, "No cluster has taken the camera yet."),
    ],
)
def test_diagnosis_names_the_cluster_that_watches(
    cluster: str, watched_by: str | None, state: StepState, words: str
) -> None:
    seen = CameraSummary.model_validate(row().model_dump() | {"cluster": cluster, "watched_by": watched_by})
    found = step(diagnose(facts(row=seen)), "Cluster")
    assert found.state is state
    assert found.text.startswith(words)


def test_diagnosis_of_a_cluster_without_name() -> None:
    seen = CameraSummary.model_validate(row().model_dump() | {"watched_by": "digest/vigil-cameras"})
    unnamed = ClusterQuery(identity="digest/vigil-cameras")
    assert step(diagnose(facts(row=seen, cluster=unnamed)), "Cluster").state is StepState.OK


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "The API does not answer (GET /x: ConnectError). Check VIGIL_API_URL"),
        (401, "The API refuses the operator's token (GET /x: ConnectError)."),
        (500, "The API answers with an error (GET /x: ConnectError). See the backend's log."),
    ],
)
def test_api_errors_are_described(status: int | None, words: str) -> None:
    assert api_problem(ApiError("GET /x: ConnectError", status=status)).startswith(words)


def test_markup_is_printed_literally(capsys: pytest.CaptureFixture[str]) -> None:
    steps = (Step("Spec", StepState.OK, "rtsp://[fd00::1]/s [/] [bold]"),)
    print_page(Diagnosis("cam-[red]", "Nothing is wrong.", steps))
    shown = capsys.readouterr().out
    assert "rtsp://[fd00::1]/s [/] [bold]" in shown
    assert "Camera cam-[red]" in shown


def test_page_contains_no_secret() -> None:
    assert PASSWORD not in json.dumps(diagnose(facts()).to_json())


def test_time_zone_database_of_a_schedule_is_named() -> None:
    night = {"time_zone": "Europe/Berlin", "windows": [{"days": ["mon"], "start": "20:00", "end": "06:00"}]}
    found = diagnose(facts(camera=camera(spec=camera_spec(detection={"schedule": night}))))
    assert (
        f"armed by its schedule in Europe/Berlin (time zone database {tzdata.IANA_VERSION})." in found.steps[-1].text
    )
    assert found.to_json()["time_zone_database"] == tzdata.IANA_VERSION


def test_a_camera_is_found_by_name_or_id() -> None:
    found = camera()
    assert find_camera("cam-7", {found.key: found}) is found
    assert find_camera("7", {found.key: found}) is found
    assert find_camera("8", {found.key: found}) is None
