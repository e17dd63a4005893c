"""Combine the detector's report with the pod's state, and build `status.stream`.

The pod has priority: while it is not scheduled, crashes or cannot start, the report is outdated. Once it runs, the
detector's heartbeat says more than its readiness: why frames do not arrive.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vigil_contracts.health import HealthReport
from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.pods import PodState

INFERENCE_FIELDS = ("model", "runtime", "device", "precision", "decoder")

_WITHOUT_DETECTOR = frozenset({CameraPhase.PENDING, CameraPhase.INACTIVE, CameraPhase.ASLEEP})

FPS_TOLERANCE = 0.2
"""Measured frame rates fluctuate; a new value is written only if it differs by more than a fifth."""


def heartbeat_report(report: HealthReport | None) -> HealthReport | None:
    """Return the report if a detector sent it: before the first heartbeat the API can only report Pending."""
    if report is None or report.phase in _WITHOUT_DETECTOR:
        return None
    return report


def with_heartbeat(state: PodState, report: HealthReport | None) -> PodState:
    """Return `state` with the detector's reason if the pod runs. `report`: as returned by `heartbeat_report`."""
    if report is None or state.scheduled is not True:
        return state
    if state.running is False:
        # It crashes or has no image: an earlier heartbeat is outdated.
        return state
    if report.reason is Reason.DETECTOR_NOT_REPORTING:
        return replace(state, running=None, running_reason=report.reason, running_message=report.message)
    running = {CameraPhase.STREAMING: True, CameraPhase.STARTING: None}.get(report.phase, False)
    return replace(
        state,
        running=running,
        running_reason=report.reason,
        running_message=report.message,
        phase=report.phase,
    )


def stream_status(report: HealthReport | None, previous: Mapping[str, Any]) -> dict[str, Any]:
    """Return `status.stream`. Values that change constantly while all is well are not updated: a thousand cameras
    would cause a thousand useless writes a minute."""
    if report is None:
        return dict(previous)
    stream = report.stream
    values = {
        "width": stream.width,
        "height": stream.height,
        "codec": stream.codec,
        "fps": _steady(stream.frames_per_second, previous.get("fps")),
        "lastFrameTime": rfc3339(stream.last_frame_time) if stream.last_frame_time else None,
    }
    if report.phase is CameraPhase.STREAMING and "lastFrameTime" in previous:
        values["lastFrameTime"] = previous["lastFrameTime"]
    return {name: value for name, value in values.items() if value is not None}


def inference_status(report: HealthReport | None, previous: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of `status.detector` that describe what the detector uses; without a report, the previous."""
    if report is None:
        return {name: str(previous[name]) for name in INFERENCE_FIELDS if name in previous}
    values = {name: str(getattr(report.inference, name)) for name in INFERENCE_FIELDS}
    return {name: value for name, value in values.items() if value}


def _steady(fps: float | None, before: float | None) -> float | None:
    if fps is None:
        return None
    if before is not None and abs(fps - before) <= FPS_TOLERANCE * max(before, 1.0):
        return before
    return round(fps, 1)
