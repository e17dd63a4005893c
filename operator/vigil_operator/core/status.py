"""Build a camera's `status`: phase, conditions, and where its detector runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_operator.core.conditions import Condition, ConditionType, render_conditions, rfc3339
from vigil_operator.core.pods import PodState

FAILED_REASONS = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.IMAGE_PULL_FAILED,
        Reason.DETECTOR_CRASHING,
        Reason.DETECTOR_REFUSED,
        Reason.MODEL_INVALID,
        Reason.DEVICE_UNAVAILABLE,
    }
)
"""Reasons that persist until someone changes something in the cluster."""


STALLED_REASONS = FAILED_REASONS | {
    Reason.DETECTOR_CLASS_NOT_FOUND,
    Reason.STREAM_UNAUTHORIZED,
    Reason.STREAM_NOT_FOUND,
    Reason.STREAM_FROZEN,
    Reason.STREAM_UNSUPPORTED,
    Reason.STREAM_FORBIDDEN,
}
"""Reasons that need a person, in the cluster or at the camera; the other ones may pass by themselves."""

GOALS_WITHOUT_DETECTOR = {Reason.INACTIVE: CameraPhase.INACTIVE, Reason.ASLEEP: CameraPhase.ASLEEP}
"""Reasons for which a camera is to have no detector, with its phase."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A camera's state before it is rendered."""

    phase: CameraPhase
    conditions: tuple[Condition, ...]
    camera_id: int | None = None
    class_name: str = ""
    pod: str = ""
    node: str = ""
    stream: Mapping[str, Any] = field(default_factory=dict)
    inference: Mapping[str, str] = field(default_factory=dict)
    """What the detector uses: model, runtime, device, precision, decoder."""
    fallback_of: str = ""
    """The class that the camera requests, if it runs on the fallback of that class."""
    gpu_unused: bool = False
    """Whether the camera requests a GPU, but its model runs without one."""
    alerts: Mapping[str, Any] = field(default_factory=dict)
    policies: tuple[Mapping[str, Any], ...] = ()
    """`status.policies`."""
    wake_time: datetime | None = None
    """When a camera that is asleep wakes up."""
    arm_time: datetime | None = None
    """When its schedule is armed after that."""


def synced(reason: Reason, details: str = "") -> Condition:
    """Return the condition whether the API and the resource agree."""
    status = ConditionStatus.TRUE if reason is Reason.SYNCED else ConditionStatus.FALSE
    return Condition(ConditionType.SYNCED, status, reason, details)


def stopped(reason: Reason, details: str, sync: Condition, camera_id: int | None) -> Verdict:
    """Return the state of a camera without a detector: inactive, asleep, or with an invalid spec.

    An inactive camera is Ready: it is in the state that its spec asks for. So is one that is asleep.
    """
    ready = ConditionStatus.FALSE
    if reason in GOALS_WITHOUT_DETECTOR:
        ready, phase = ConditionStatus.TRUE, GOALS_WITHOUT_DETECTOR[reason]
    else:
        phase = CameraPhase.FAILED if reason in FAILED_REASONS else CameraPhase.PENDING
    return Verdict(
        phase,
        (
            Condition(ConditionType.READY, ready, reason, details),
            sync,
            Condition(ConditionType.SCHEDULED, ConditionStatus.FALSE, reason),
            Condition(ConditionType.STREAMING, ConditionStatus.FALSE, reason),
        ),
        camera_id,
    )


def refused(verdict: Verdict, details: str) -> Verdict:
    """Return the state of a camera whose detector the API server refuses to create or change.

    A detector that runs continues as it is: its conditions stay, and only `Ready` says that it is outdated.
    """
    reason = Reason.DETECTOR_REFUSED
    _, sync, scheduled, streaming = verdict.conditions
    if scheduled.status is not ConditionStatus.TRUE:
        scheduled = Condition(ConditionType.SCHEDULED, ConditionStatus.FALSE, reason)
        streaming = Condition(ConditionType.STREAMING, ConditionStatus.FALSE, reason)
    ready = Condition(ConditionType.READY, ConditionStatus.FALSE, reason, details)
    phase = CameraPhase.DEGRADED if streaming.status is ConditionStatus.TRUE else CameraPhase.FAILED
    return replace(verdict, phase=phase, conditions=(ready, sync, scheduled, streaming))


def watched(
    state: PodState,
    sync: Condition,
    *,
    camera_id: int,
    class_name: str,
    pod: str,
    node: str,
    stream: Mapping[str, Any],
    inference: Mapping[str, str] = MappingProxyType({}),
    fallback_of: str = "",
    gpu_unused: bool = False,
) -> Verdict:
    """Return the state of a camera with a detector, from its pod."""
    ready = _ready(state)
    return Verdict(
        _phase(state, ready),
        (
            ready,
            sync,
            Condition(
                ConditionType.SCHEDULED, _ternary(state.scheduled), state.scheduled_reason, state.scheduled_details
            ),
            Condition(
                ConditionType.STREAMING,
                _ternary(state.running),
                state.running_reason,
                state.running_details,
                state.running_message,
            ),
        ),
        camera_id,
        class_name,
        pod,
        node,
        stream,
        inference,
        fallback_of,
        gpu_unused,
    )


def render_status(verdict: Verdict, *, previous: Mapping[str, Any], generation: int, now: datetime) -> dict[str, Any]:
    """Return the `status` to write; rendering the same verdict again gives the same status."""
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "phase": verdict.phase.value,
        "conditions": render_conditions(
            (*verdict.conditions, *_progress(ready_of(verdict))), previous.get("conditions") or [], generation, now
        ),
    }
    detector: dict[str, Any] = {
        name: value
        for name, value in (
            ("pod", verdict.pod),
            ("node", verdict.node),
            ("class", verdict.class_name),
            ("fallbackOf", verdict.fallback_of),
            ("gpuUnused", verdict.gpu_unused),
            *verdict.inference.items(),
        )
        if value
    }
    if detector:
        status["detector"] = detector
    if verdict.stream or "stream" in previous:
        # A rate of 0 instead of no map: when server-side apply removes the last field of a map, Kubernetes 1.20 sets
        # the map to null, which violates the schema and rejects the whole status.
        status["stream"] = dict(verdict.stream) or {"fps": 0.0}
    if verdict.alerts:
        status["alerts"] = dict(verdict.alerts)
    if verdict.policies:
        status["policies"] = [dict(policy) for policy in verdict.policies]
    # The times of the last sleep stay: server-side apply of Kubernetes 1.20 does not remove them, so the status would
    # never equal what was written.
    status |= {name: previous[name] for name in ("wakeTime", "armTime") if name in previous}
    if verdict.wake_time is not None and verdict.arm_time is not None:
        status |= {"wakeTime": rfc3339(verdict.wake_time), "armTime": rfc3339(verdict.arm_time)}
    if verdict.camera_id is not None:
        status["cameraId"] = verdict.camera_id
    return status


def _progress(ready: Condition) -> tuple[Condition, ...]:
    """Return the conditions by which kstatus tells a failure from progress; both are False at the goal.

    https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus, "Conditions". They are never removed:
    after a removal from the list, server-side apply of Kubernetes 1.20 refuses the status.
    """
    is_at_goal, is_stalled = ready.status is ConditionStatus.TRUE, ready.reason in STALLED_REASONS
    true = {ConditionType.STALLED: is_stalled, ConditionType.RECONCILING: not is_stalled}
    return tuple(
        replace(ready, type=kind, status=_ternary(is_true and not is_at_goal)) for kind, is_true in true.items()
    )


def ready_of(verdict: Verdict) -> Condition:
    """Return the condition that summarises the others."""
    return verdict.conditions[0]


def _ready(state: PodState) -> Condition:
    """Return True if frames arrive; otherwise the first problem on the way to the detector."""
    if state.scheduled is not True:
        return Condition(ConditionType.READY, ConditionStatus.FALSE, state.scheduled_reason, state.scheduled_details)
    status = ConditionStatus.TRUE if state.running is True else ConditionStatus.FALSE
    return Condition(ConditionType.READY, status, state.running_reason, state.running_details, state.running_message)


def _phase(state: PodState, ready: Condition) -> CameraPhase:
    if state.phase is not None:
        return state.phase
    if ready.status is ConditionStatus.TRUE:
        return CameraPhase.STREAMING
    if ready.reason in FAILED_REASONS:
        return CameraPhase.FAILED
    if state.scheduled is not True:
        return CameraPhase.PENDING
    return CameraPhase.STARTING if ready.reason is Reason.STARTING else CameraPhase.DEGRADED


def _ternary(value: bool | None) -> ConditionStatus:
    if value is None:
        return ConditionStatus.UNKNOWN
    return ConditionStatus.TRUE if value else ConditionStatus.FALSE
