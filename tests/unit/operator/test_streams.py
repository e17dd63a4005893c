from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.operator.builders import NOW, pod

from vigil_contracts.health import HealthReport, StreamHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, ConditionStatus, Reason
from vigil_operator.core.conditions import Condition, ConditionType
from vigil_operator.core.pods import classify
from vigil_operator.core.streams import heartbeat_report, stream_status, with_heartbeat


def report(phase: CameraPhase, reason: Reason, *, detail: str = "", **stream: object) -> HealthReport:
    text = REASON_TEXTS[reason] + (f" ({detail})" if detail else "")
    return HealthReport(
        phase=phase, reason=reason, message=text, stream=StreamHealth.model_validate(stream), reported_at=NOW
    )


GOOD = report(CameraPhase.STREAMING, Reason.STREAMING)


def test_pod_decides_before_the_first_heartbeat() -> None:
    assert heartbeat_report(report(CameraPhase.PENDING, Reason.DETECTOR_NOT_REPORTING)) is None
    assert heartbeat_report(None) is None
    assert heartbeat_report(GOOD) is GOOD


@pytest.mark.parametrize(
    ("phase", "reason", "running"),
    [
        (CameraPhase.STREAMING, Reason.STREAMING, True),
        (CameraPhase.STARTING, Reason.STARTING, None),
        (CameraPhase.DEGRADED, Reason.STREAM_TIMEOUT, False),
        (CameraPhase.FAILED, Reason.STREAM_UNAUTHORIZED, False),
    ],
)
def test_heartbeat_overrides_a_running_pod(phase: CameraPhase, reason: Reason, running: bool | None) -> None:
    state = with_heartbeat(classify(pod(ready=False), None), report(phase, reason, detail="401 from 10.0.0.7"))
    assert (state.running, state.running_reason, state.phase) == (running, reason, phase)
    assert state.running_message == f"{REASON_TEXTS[reason]} (401 from 10.0.0.7)"


def test_crashing_or_unscheduled_pod_overrides_the_heartbeat() -> None:
    crashing = classify(pod(ready=False, container={"restartCount": 5}), None)
    unplaced = classify(pod(unschedulable="0/1 nodes are available: 1 Insufficient memory."), None)
    assert with_heartbeat(crashing, GOOD) is crashing
    assert with_heartbeat(unplaced, GOOD) is unplaced


def test_silent_detector_is_not_reported_as_streaming() -> None:
    state = with_heartbeat(classify(pod(), None), report(CameraPhase.FAILED, Reason.DETECTOR_NOT_REPORTING))
    assert (state.running, state.running_reason, state.phase) == (None, Reason.DETECTOR_NOT_REPORTING, None)


def test_changing_values_of_a_healthy_stream_are_not_updated() -> None:
    first = report(
        CameraPhase.STREAMING, Reason.STREAMING, width=768, height=432, codec="h264", frames_per_second=12.0,
        last_frame_time=NOW,
    )  # fmt: skip
    written = stream_status(first, {})
    assert written == {
        "width": 768,
        "height": 432,
        "codec": "h264",
        "fps": 12.0,
        "lastFrameTime": "2026-03-01T12:00:00Z",
    }
    later = NOW + timedelta(minutes=3)
    wobble = first.model_copy(
        update={"stream": first.stream.model_copy(update={"frames_per_second": 11.1, "last_frame_time": later})}
    )
    assert stream_status(wobble, written) == written
    slower = first.model_copy(update={"stream": first.stream.model_copy(update={"frames_per_second": 6.04})})
    assert stream_status(slower, written)["fps"] == 6.0
    stopped = wobble.model_copy(update={"phase": CameraPhase.DEGRADED, "reason": Reason.STREAM_TIMEOUT})
    assert stream_status(stopped, written)["lastFrameTime"] == "2026-03-01T12:03:00Z"


def test_stream_status_is_unchanged_without_a_report() -> None:
    assert stream_status(None, {"width": 768}) == {"width": 768}


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("{} (no route to its network)",) * 2,
        ("{}",) * 2,
        ("The camera is busy (RTSP status 503). Close other viewers.",) * 2,
    ],
)
def test_kubectl_shows_the_message_of_the_dashboard(reported: str, expected: str) -> None:
    reason = Reason.STREAM_UNREACHABLE
    text = REASON_TEXTS[reason]
    said = report(CameraPhase.DEGRADED, reason).model_copy(update={"message": reported.format(text)})

    state = with_heartbeat(classify(pod(ready=False), None), said)

    condition = Condition(
        ConditionType.STREAMING,
        ConditionStatus.FALSE,
        state.running_reason,
        state.running_details,
        state.running_message,
    )
    assert condition.message == expected.format(text)
