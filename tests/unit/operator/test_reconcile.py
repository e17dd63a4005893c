"""The decision about one camera, and that it converges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator.builders import (
    GPU_CLASS,
    NOW,
    PASSWORD,
    SETTINGS,
    camera,
    camera_body,
    camera_spec,
    configuration,
    detector_class,
    encoded,
    pod,
    stored,
    stored_deployment,
)

from vigil_contracts.health import HealthReport
from vigil_contracts.names import REASON_TEXTS, CameraPhase, ConditionStatus, Reason
from vigil_contracts.resources import RegisteredResource
from vigil_operator.core.conditions import ConditionType
from vigil_operator.core.decision import Claim, Register, RequestToken, Settle
from vigil_operator.core.observed import Camera, Pod, camera_from_body
from vigil_operator.core.reconcile import CHAIN, decide
from vigil_operator.core.situation import ApiView, Case, Children, Situation

NO_GPU = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def situation(seen: Camera | None = None, **changes: Any) -> Situation:
    base = Situation(
        camera=seen or camera(),
        children=Children(),
        classes={"gpu": detector_class(), "cpu": detector_class("cpu", default=False, runtime="openvino")},
        api=ApiView(configuration(), issued_token="issued"),
        settings=SETTINGS,
        now=NOW,
    )
    return replace(base, **changes)


def settle(given: Situation) -> Settle:
    decision = decide(given)
    assert isinstance(decision, Settle)
    return decision


def carried_out(before: Situation, decision: Settle, pods: tuple[Pod, ...] = ()) -> Situation:
    """The situation after what was decided, as the cluster would show it."""
    found = {manifest["kind"]: stored(manifest) for manifest in decision.manifests(may_roll=True)}
    deployment = next((item for item in decision.manifests(may_roll=True) if item["kind"] == "Deployment"), None)
    body = camera_body(
        before.camera.key.name,
        spec=before.camera.spec,
        status=dict(decision.status) if decision.status is not None else before.camera.status,
    )
    children = Children(
        stored_deployment(deployment) if deployment else before.children.deployment,
        found.get("Secret", before.children.secret),
        found.get("NetworkPolicy", before.children.network_policy),
        found.get("PersistentVolumeClaim", before.children.volume_claim),
        pods,
    )
    return replace(
        before,
        camera=camera_from_body(body),
        children=children,
        api=replace(before.api, issued_token=""),
        now=before.now + timedelta(seconds=30),
    )


def condition(decision: Settle, name: str) -> dict[str, Any]:
    assert decision.status is not None
    found: dict[str, Any] = next(item for item in decision.status["conditions"] if item["type"] == name)
    return found


def kinds(decision: Settle) -> list[str]:
    return [manifest["kind"] for manifest in decision.manifests(may_roll=True)]


def test_token_is_requested_first() -> None:
    assert decide(situation(api=ApiView(configuration()))) == RequestToken(7)


def test_a_new_camera_gets_its_secret_and_then_its_deployment() -> None:
    decision = settle(situation())
    assert kinds(decision) == ["Secret", "NetworkPolicy", "Deployment"]
    assert decision.manifests(may_roll=True)[0]["data"]["password"] == encoded(PASSWORD)
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["cameraId"]) == ("Pending", 7)


@pytest.mark.parametrize(
    "pods", [(), (pod(),), (pod(unschedulable=NO_GPU),), (pod(ready=False),)], ids=["none", "runs", "waits", "starts"]
)
def test_second_decision_changes_nothing(pods: tuple[Pod, ...]) -> None:
    start = situation()
    second = carried_out(start, settle(start), pods)
    third = carried_out(second, settle(second), pods)
    rest = settle(third)
    assert (rest.manifests(may_roll=True), rest.remove, rest.status) == ((), (), None)


def test_missing_gpu_is_reported_with_the_schedulers_message() -> None:
    start = situation()
    decision = settle(carried_out(start, settle(start), (pod(unschedulable=NO_GPU),)))
    assert decision.status is not None
    assert decision.status["phase"] == CameraPhase.PENDING
    scheduled = condition(decision, "Scheduled")
    assert (scheduled["status"], scheduled["reason"]) == ("False", "InsufficientGPU")
    assert NO_GPU in scheduled["message"]
    assert condition(decision, "Ready")["reason"] == "InsufficientGPU"


def test_ready_pod_means_streaming() -> None:
    start = situation()
    decision = settle(carried_out(start, settle(start), (pod(),)))
    assert decision.status is not None
    assert decision.status["phase"] == "Streaming"
    assert decision.status["detector"] == {"pod": "cam-7-detector-abc", "node": "node-1", "class": "gpu"}
    false = {item["type"] for item in decision.status["conditions"] if item["status"] != "True"}
    assert false == {"Stalled", "Reconciling"}


def test_objects_of_an_inactive_camera_are_deleted() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    off = camera_from_body(camera_body(spec=camera_spec(active=False), status=running.camera.status, generation=2))
    decision = settle(replace(running, camera=off))
    assert [removal.kind for removal in decision.remove] == ["Deployment", "Secret", "NetworkPolicy"]
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["observedGeneration"]) == ("Inactive", 2)
    assert "detector" not in decision.status


def test_invalid_edit_does_not_stop_the_detector() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    broken = camera_from_body(camera_body(spec=camera_spec(detection={"minimumConfidence": 2})))
    decision = settle(replace(running, camera=broken))
    assert (decision.manifests(may_roll=True), decision.remove) == ((), ())
    assert condition(decision, "Ready")["reason"] == "InvalidSpec"
    assert "spec.detection.minimumConfidence" in condition(decision, "Ready")["message"]


@pytest.mark.parametrize(
    ("wanted", "classes", "reason"),
    [
        ("absent", {"gpu": detector_class()}, "DetectorClassNotFound"),
        ("", {"gpu": detector_class(default=False)}, "DetectorClassNotFound"),
        ("", {"gpu": detector_class(gpu={"count": 1})}, "InvalidSpec"),
    ],
)
def test_unusable_class_is_reported(wanted: str, classes: dict[str, Any], reason: str) -> None:
    seen = camera(spec=camera_spec(detectorClassName=wanted))
    decision = settle(situation(seen, classes=classes))
    assert decision.manifests(may_roll=True) == ()
    assert condition(decision, "Ready")["reason"] == reason


def test_a_camera_of_kubectl_waits_for_its_row() -> None:
    unclaimed = camera("gate", camera_id=None)
    assert decide(situation(unclaimed, api=ApiView())) == Claim()
    body = camera_body("gate", camera_id=None)
    body["metadata"] |= {"finalizers": ["vigil.dev/api-row"], "labels": {"vigil.dev/managed-by": "kubectl"}}
    claimed = situation(camera_from_body(body), api=ApiView())
    assert isinstance(decide(claimed), Register)
    decision = settle(replace(claimed, api=ApiView(refusal="ConnectError")))
    assert decision.manifests(may_roll=True) == ()
    assert condition(decision, "Synced")["reason"] == "NotRegistered"


def test_a_changed_password_changes_secret_and_pod_template() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    changed = replace(running, api=ApiView(configuration(url="rtsp://admin:other@10.0.0.7:554/s", revision="r2")))
    assert kinds(settle(changed)) == ["Secret", "Deployment"]


def test_api_outage_restarts_nothing() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    settled = carried_out(running, settle(running), (pod(),))
    decision = settle(replace(settled, api=ApiView(None, problem="GET /api/active-cameras/: ConnectError")))
    assert (decision.manifests(may_roll=True), decision.remove) == ((), ())
    assert condition(decision, "Synced")["reason"] == "BackendUnreachable"
    assert condition(decision, "Ready")["status"] == "True"


def test_manual_change_of_owned_fields_is_reverted() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    assert running.children.deployment is not None
    edited = running.children.deployment.content
    edited["spec"]["replicas"] = 0
    changed = replace(running.children.deployment, content_json=__import__("json").dumps(edited))
    assert kinds(settle(replace(running, children=replace(running.children, deployment=changed)))) == ["Deployment"]


def test_objects_of_a_previous_camera_of_the_same_name_are_deleted_first() -> None:
    start = situation()
    running = carried_out(start, settle(start))
    again = camera_from_body(camera_body(uid="another"))
    decision = settle(replace(running, camera=again))
    assert [(removal.kind, removal.uid) for removal in decision.remove] == [
        ("Deployment", "uid-Deployment"),
        ("Secret", "uid-Secret"),
        ("NetworkPolicy", "uid-NetworkPolicy"),
    ]
    assert decision.manifests(may_roll=True) == ()


def falling_back(after_seconds: int = 60) -> dict[str, Any]:
    gpu: dict[str, Any] = {
        **GPU_CLASS,
        "fallback": {"className": "cpu", "afterSeconds": after_seconds},
    }
    return {"gpu": detector_class(**gpu), "cpu": detector_class("cpu", default=False, runtime="openvino")}


def test_fallback_is_used_after_the_time_out_and_kept() -> None:
    waiting = pod(unschedulable=NO_GPU)
    start = situation(classes=falling_back())
    first = carried_out(start, settle(start), (waiting,))
    second = carried_out(first, settle(first), (waiting,))
    assert settle(first).look_again_seconds == 60
    assert settle(second).manifests(may_roll=True) == ()
    assert settle(second).look_again_seconds == 30
    late = replace(second, now=second.now + timedelta(seconds=61))
    decision = settle(late)
    assert kinds(decision) == ["Deployment"]
    limits = decision.manifests(may_roll=True)[0]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert "nvidia.com/gpu" not in limits
    running = carried_out(late, decision, (pod(),))
    settled = carried_out(running, settle(running), (pod(),))
    rest = settle(settled)
    assert (rest.manifests(may_roll=True), rest.status) == ((), None)
    detector = settled.camera.status["detector"]
    assert (detector["class"], detector["fallbackOf"], detector["gpuUnused"]) == ("cpu", "gpu", True)
    assert (
        "This class is the fallback of gpu, which had no usable GPU."
        in condition(settle(running), "Scheduled")["message"]
    )
    edited = camera_from_body(camera_body(status=settled.camera.status, generation=2))
    assert kinds(settle(replace(settled, camera=edited))) == ["Deployment"]


def test_pending_pod_of_the_first_class_is_ignored_after_fallback() -> None:
    waiting = pod(unschedulable=NO_GPU, labels={"vigil.dev/detector-class": "gpu"})
    start = situation(classes=falling_back())
    second = carried_out(start, settle(start), (waiting,))
    third = carried_out(second, settle(second), (waiting,))
    late = replace(third, now=third.now + timedelta(seconds=61))
    assert {condition["reason"] for condition in third.camera.status["conditions"]} > {"InsufficientGPU"}
    fallen = settle(late)
    assert {condition.reason for condition in fallen.verdict.conditions} == {Reason.STARTING, Reason.SYNCED}
    replaced = pod(unschedulable="0/1 nodes: 1 Insufficient cpu.", labels={"vigil.dev/detector-class": "cpu"})
    said = settle(carried_out(late, fallen, (replaced,))).verdict.conditions
    assert {condition.reason for condition in said} == {Reason.INSUFFICIENT_RESOURCES, Reason.SYNCED}


def cannot_use_its_gpu(start: Situation) -> Situation:
    """The detector has its GPU, and reports that it cannot use it."""
    reason = Reason.DEVICE_UNAVAILABLE
    message = f"{REASON_TEXTS[reason]} (device cuda: the node's driver is too old for CUDA 13.2; update it)"
    health = HealthReport(phase=CameraPhase.FAILED, reason=reason, message=message, reported_at=NOW)
    return replace(start, api=replace(start.api, health=health))


def test_unusable_gpu_is_a_condition_with_cause_and_remedy() -> None:
    start = situation(classes={"gpu": detector_class()})
    said = settle(cannot_use_its_gpu(carried_out(start, settle(start), (pod(ready=False),))))
    assert said.verdict.phase is CameraPhase.FAILED
    streaming = next(each for each in said.verdict.conditions if each.type is ConditionType.STREAMING)
    assert (streaming.status, streaming.reason) == (ConditionStatus.FALSE, Reason.DEVICE_UNAVAILABLE)
    assert streaming.message.startswith(REASON_TEXTS[Reason.DEVICE_UNAVAILABLE])
    assert "the node's driver is too old for CUDA 13.2; update it" in streaming.message
    assert said.look_again_seconds is None, "without a fallback there is nothing to wait for"


def test_unusable_gpu_leads_to_the_fallback_after_the_time_out() -> None:
    start = situation(classes=falling_back())
    placed = pod(ready=False, labels={"vigil.dev/detector-class": "gpu"})
    first = cannot_use_its_gpu(carried_out(start, settle(start), (placed,)))
    second = carried_out(first, settle(first), (placed,))
    assert settle(second).manifests(may_roll=True) == ()
    decision = settle(replace(second, now=second.now + timedelta(seconds=61)))
    assert kinds(decision) == ["Deployment"]
    environment = decision.manifests(may_roll=True)[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "VIGIL_MODEL_DEVICE", "value": "cpu"} in environment


def test_the_status_shows_what_the_detector_uses() -> None:
    start = situation(classes={"gpu": detector_class(**(GPU_CLASS | {"device": "auto"}))})
    first = carried_out(start, settle(start), (pod(),))
    used = {
        "model": "yolov8n",
        "runtime": "ultralytics",
        "device": "cuda:0",
        "precision": "float16",
        "decoder": "nvdec",
    }
    for device, is_unused in (("cuda:0", None), ("cpu", True)):
        health = HealthReport.model_validate(
            {"phase": "Streaming", "reason": "Streaming", "inference": used | {"device": device}, "reported_at": NOW}
        )
        status = settle(replace(first, api=replace(first.api, health=health))).status
        assert status is not None
        assert status["detector"].items() >= (used | {"device": device}).items()
        assert status["detector"].get("gpuUnused") is is_unused


def test_an_absent_fallback_changes_nothing() -> None:
    classes = falling_back()
    del classes["cpu"]
    start = situation(classes=classes)
    first = carried_out(start, settle(start), (pod(unschedulable=NO_GPU),))
    second = carried_out(first, settle(first), (pod(unschedulable=NO_GPU),))
    assert settle(replace(second, now=second.now + timedelta(hours=1))).manifests(may_roll=True) == ()


def kubectl_camera(*, is_claimed: bool = True, **options: Any) -> Camera:
    body = camera_body("gate", camera_id=None, **options)
    if is_claimed:
        body["metadata"] |= {"finalizers": ["vigil.dev/api-row"], "labels": {"vigil.dev/managed-by": "kubectl"}}
    return camera_from_body(body)


def registered(seen: Camera, **changes: Any) -> Situation:
    """A kubectl camera whose row says the same as the resource."""
    given = situation(seen, api=ApiView())
    registration = Case(given).registration
    assert registration is not None
    row = RegisteredResource(uid=seen.meta.uid, id=9, digest=registration.digest)
    return replace(given, api=replace(ApiView(row=row, are_rows_known=True), **changes))


def of_former_camera() -> Situation:
    running = carried_out(situation(), settle(situation()))
    return replace(running, camera=camera(uid="another"))


def sleeping() -> Situation:
    """A camera that is armed for an hour at midnight; it is noon."""
    windows = [{"days": ["mon"], "start": "00:00", "end": "01:00"}]
    detection = {"schedule": {"timeZone": "UTC", "windows": windows}}
    classes = {"gpu": detector_class(**(GPU_CLASS | {"sleep": {}}))}
    return replace(registered(kubectl_camera(spec=camera_spec(detection=detection))), classes=classes)


DECIDED_BY: dict[str, Situation] = {
    "reject_invalid_spec": situation(camera(spec=camera_spec(detection={"minimumConfidence": 2}))),
    "report_refused_registration": situation(
        kubectl_camera(), api=ApiView(refusal="owner: no such user", is_refused_for_good=True)
    ),
    "report_refused_writes": replace(situation(), refused="made to fail"),
    "claim_resource": situation(kubectl_camera(is_claimed=False), api=ApiView()),
    "register_resource": situation(kubectl_camera(), api=ApiView()),
    "stop_inactive_camera": registered(kubectl_camera(spec=camera_spec(active=False))),
    "remove_objects_of_former_camera": of_former_camera(),
    "require_detector_class": situation(classes={}, api=ApiView(configuration())),
    "require_camera_id": situation(kubectl_camera(), api=ApiView(refusal="ConnectError")),
    "let_camera_sleep": sleeping(),
    "require_row_before_token": situation(
        kubectl_camera(status={"cameraId": 9}), api=ApiView(refusal="ConnectError")
    ),
    "request_token": registered(kubectl_camera()),
}
"""For each step of the chain, a situation that it must be the first to decide."""


@pytest.mark.parametrize("step", CHAIN, ids=lambda step: step.__name__)
def test_each_step_decides_its_own_situation(step: Any) -> None:
    case = Case(DECIDED_BY[step.__name__])
    assert next(other.__name__ for other in CHAIN if other(case) is not None) == step.__name__


def test_camera_without_obstacles_passes_every_step() -> None:
    case = Case(registered(kubectl_camera(), issued_token="issued"))
    assert [step.__name__ for step in CHAIN if step(case) is not None] == []


def test_class_change_restart_is_separate_from_other_changes() -> None:
    start = situation()
    running = carried_out(start, settle(start), (pod(),))
    shared = detector_class(**GPU_CLASS | {"gpu": {"resourceName": "nvidia.com/gpu.shared"}})
    changed = settle(replace(running, classes={"gpu": shared}))
    assert [item["kind"] for item in changed.manifests(may_roll=False)] == []
    assert [item["kind"] for item in changed.manifests(may_roll=True)] == ["Deployment"]
