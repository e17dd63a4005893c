"""Pods that the API server refuses to create, and claims that nobody creates, are reported with their reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator.builders import NOW, camera_body, detector_class, pod
from tests.unit.operator.test_reconcile import carried_out, condition, settle, situation

from vigil_operator.core.admission import CLAIM_SECONDS
from vigil_operator.core.observed import Deployment, Pod, camera_from_body, deployment_from_body, pod_from_body
from vigil_operator.core.situation import Situation

QUOTA = 'pods "cam-7-detector-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4'


def failing(running: Situation, *, observed: int = 1, message: str = QUOTA) -> Situation:
    known = running.children.deployment
    assert known is not None
    status = {
        "observedGeneration": observed,
        "conditions": [
            {"type": "Available", "status": "False", "message": "no"},
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message},
        ],
    }
    body = {**known.content, "status": status}
    body["metadata"] = {**body["metadata"], "uid": known.meta.uid, "resourceVersion": "30", "generation": 1}
    deployment: Deployment = deployment_from_body(body)
    return replace(running, children=replace(running.children, deployment=deployment))


@pytest.fixture
def running() -> Situation:
    """A camera whose Deployment exists and has no pod."""
    start = situation()
    return carried_out(start, settle(start))


def test_refused_pod_is_reported_in_the_servers_words(running: Situation) -> None:
    decision = settle(failing(running))
    for kind in ("Ready", "Scheduled", "Streaming"):
        assert condition(decision, kind)["reason"] == "DetectorRefused"
    assert condition(decision, "Ready")["message"].endswith(QUOTA)
    assert condition(decision, "Stalled")["status"] == "True"
    assert decision.status is not None
    assert decision.status["phase"] == "Failed"


def test_refusal_of_an_older_template_or_beside_a_pod_is_ignored(running: Situation) -> None:
    assert settle(failing(running, observed=0)).status is None, "it is starting, as before"
    beside = failing(running)
    beside = replace(beside, children=replace(beside.children, pods=(pod(ready=False),)))
    assert condition(settle(beside), "Ready")["reason"] == "Starting"
    ending = replace(beside, children=replace(beside.children, pods=(pod(deleting=True),)))
    assert condition(settle(ending), "Ready")["reason"] == "DetectorRefused"


CLAIM = {"name": "gpu", "resourceClaimTemplateName": "slice"}


def claiming_pod(*, made: bool = False, scheduled: bool | None = None) -> Pod:
    status: dict[str, Any] = {"phase": "Pending"}
    if made:
        status["resourceClaimStatuses"] = [{"name": "gpu", "resourceClaimName": "p-gpu-x"}]
    if scheduled is not None:
        status["conditions"] = [{"type": "PodScheduled", "status": str(scheduled), "reason": "Unschedulable"}]
    metadata = {"name": "p", "namespace": "vigil-cameras", "uid": "p", "labels": {"vigil.dev/camera": "cam-7"}}
    return pod_from_body({"metadata": metadata, "spec": {"resourceClaims": [CLAIM]}, "status": status})


def later(before: Situation, seconds: float) -> Situation:
    """The situation with its own status written, some time after."""
    decision = settle(before)
    status = dict(decision.status) if decision.status is not None else before.camera.status
    seen = camera_from_body(camera_body(spec=before.camera.spec, status=status))
    return replace(before, camera=seen, now=before.now + timedelta(seconds=seconds))


def with_claim(*, made: bool = False, scheduled: bool | None = None) -> Situation:
    claims = detector_class(runtime="openvino", gpu={"resourceClaimTemplateName": "slice"}, device="intel-gpu")
    start = situation(classes={"gpu": claims}, now=NOW)
    return carried_out(start, settle(start), (claiming_pod(made=made, scheduled=scheduled),))


def test_missing_claim_template_is_reported_after_a_while() -> None:
    """It shows in no condition of the pod, so that the camera said «starting» forever."""
    waiting = later(with_claim(), 0)
    waiting = replace(waiting, camera=camera_from_body(camera_body(status={})), now=NOW)
    first = settle(waiting)
    assert (condition(first, "Ready")["reason"], first.look_again_seconds) == ("Starting", CLAIM_SECONDS)
    reported = settle(due := later(waiting, CLAIM_SECONDS))
    assert condition(reported, "Ready")["reason"] == "DetectorRefused"
    assert (
        "ResourceClaimTemplate 'slice' exists in namespace vigil-cameras" in condition(reported, "Ready")["message"]
    )
    assert reported.look_again_seconds is None
    assert settle(later(due, 5)).status is None, "the report stays"


@pytest.mark.parametrize(("made", "scheduled"), [(True, None), (False, False)])
def test_claim_that_exists_or_has_a_verdict_is_left_to_the_scheduler(made: bool, scheduled: bool | None) -> None:
    due = later(with_claim(made=made, scheduled=scheduled), 10 * CLAIM_SECONDS)
    assert settle(due).verdict.conditions[0].reason != "DetectorRefused"
