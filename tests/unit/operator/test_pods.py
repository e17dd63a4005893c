from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator.builders import pod

from vigil_contracts.names import Reason
from vigil_operator.core.observed import Pod
from vigil_operator.core.pods import MAX_DETAILS_LENGTH, classify, newest
from vigil_operator.core.specs import GpuSpec

GPU = GpuSpec(resource_name="nvidia.com/gpu", count=2)
SHORT = "0/10 nodes are available: 10 Insufficient nvidia.com/gpu."


def container(**state: Any) -> dict[str, Any]:
    return state


WAITING = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
ENDED = {"terminated": {"exitCode": 3, "message": "line 1\nno such model\n"}}

CASES: list[tuple[str, Pod | None, GpuSpec | None, tuple[bool | None, Reason, bool | None, Reason]]] = [
    ("no pod", None, GPU, (None, Reason.STARTING, None, Reason.STARTING)),
    ("runs", pod(), GPU, (True, Reason.SCHEDULED, True, Reason.STREAMING)),
    ("comes up", pod(ready=False), GPU, (True, Reason.SCHEDULED, None, Reason.STARTING)),
    (
        "no GPU",
        pod(unschedulable=SHORT),
        GPU,
        (False, Reason.INSUFFICIENT_GPU, False, Reason.INSUFFICIENT_GPU),
    ),
    (
        "another GPU is short",
        pod(unschedulable="0/1 nodes are available: 1 Insufficient amd.com/gpu."),
        GPU,
        (False, Reason.INSUFFICIENT_RESOURCES, False, Reason.INSUFFICIENT_RESOURCES),
    ),
    (
        "no memory on a CPU class",
        pod(unschedulable="0/1 nodes are available: 1 Insufficient memory."),
        None,
        (False, Reason.INSUFFICIENT_RESOURCES, False, Reason.INSUFFICIENT_RESOURCES),
    ),
    (
        "no claim",
        pod(unschedulable="0/1 nodes are available: 1 cannot allocate all claims."),
        GpuSpec(resource_claim_template_name="slice"),
        (False, Reason.INSUFFICIENT_GPU, False, Reason.INSUFFICIENT_GPU),
    ),
    (
        "the GPU was taken on the node",
        pod(phase="Failed", reason="UnexpectedAdmissionError", ready=False, message="Allocate failed"),
        GPU,
        (False, Reason.INSUFFICIENT_GPU, False, Reason.INSUFFICIENT_GPU),
    ),
    (
        "no image",
        pod(ready=False, phase="Pending", container={"state": {"waiting": {"reason": "ImagePullBackOff"}}}),
        GPU,
        (True, Reason.SCHEDULED, False, Reason.IMAGE_PULL_FAILED),
    ),
    (
        "no such Secret",
        pod(ready=False, container={"state": {"waiting": {"reason": "CreateContainerConfigError"}}}),
        GPU,
        (True, Reason.SCHEDULED, False, Reason.DETECTOR_CRASHING),
    ),
    (
        "crashes",
        pod(ready=False, container={"state": WAITING, "lastState": ENDED, "restartCount": 4}),
        GPU,
        (True, Reason.SCHEDULED, False, Reason.DETECTOR_CRASHING),
    ),
    (
        "first restart",
        pod(ready=False, container={"lastState": ENDED, "restartCount": 1}),
        GPU,
        (True, Reason.SCHEDULED, None, Reason.STARTING),
    ),
]


@pytest.mark.parametrize(("case", "seen", "gpu", "expected"), CASES, ids=[case[0] for case in CASES])
def test_pod_state_maps_to_a_reason(
    case: str, seen: Pod | None, gpu: GpuSpec | None, expected: tuple[bool | None, Reason, bool | None, Reason]
) -> None:
    state = classify(seen, gpu)
    assert (state.scheduled, state.scheduled_reason, state.running, state.running_reason) == expected, case


def test_schedulers_message_is_kept_with_the_request() -> None:
    assert classify(pod(unschedulable=SHORT), GPU).scheduled_details == f"Asked for 2 x nvidia.com/gpu. {SHORT}"


def test_crash_message_is_the_truncated_last_log_line() -> None:
    ended = {"terminated": {"exitCode": 3, "message": "x" * 4000 + "the end"}}
    state = classify(pod(ready=False, container={"state": WAITING, "lastState": ended, "restartCount": 4}), GPU)
    assert state.running_details.startswith("Exit code 3.")
    assert state.running_details.endswith("the end")
    assert len(state.running_details) <= MAX_DETAILS_LENGTH + 20


def test_newest_remaining_pod_decides() -> None:
    old = pod(name="a", created="2026-03-01T10:00:00Z")
    new = pod(name="b", created="2026-03-01T11:00:00Z")
    leaving = pod(name="c", created="2026-03-01T12:00:00Z", deleting=True)
    assert newest([leaving, new, old]) is new
    assert newest([leaving]) is leaving
    assert newest([]) is None
