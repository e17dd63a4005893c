"""Build a CameraPolicy's `status`: whether it is valid, which cameras have it, and how far its rollout is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil_contracts.names import ConditionStatus
from vigil_operator.core.conditions import ConditionType, rfc3339
from vigil_operator.core.observed import CameraPolicy
from vigil_operator.core.policy_conflict import Conflict

ACCEPTED = "Accepted"
CONFLICT = "Conflict"


@dataclass(frozen=True, slots=True)
class PolicyCounts:
    """How many cameras the newest version selects."""

    cameras: int = 0
    updated: int = 0
    """Those that have it."""
    ignored: int = 0
    """Cameras of the API, which are not among `cameras`."""


@dataclass(frozen=True, slots=True)
class PolicyState:
    """Everything about a policy that its status says."""

    problem: tuple[str, str] | None = None
    """Reason and message if the spec is not accepted. The cameras then keep the last accepted version."""
    counts: PolicyCounts = PolicyCounts()
    remaining: int = 0
    """Cameras that the rollout has still to reach, including those that are no longer selected."""
    conflict: Conflict | None = None
    stopped: str = ""
    revisions: tuple[Mapping[str, Any], ...] = ()
    rollout: Mapping[str, Any] | None = None


def build_policy_status(policy: CameraPolicy, state: PolicyState, now: datetime) -> dict[str, Any]:
    """Return the `status` to write; equal to the existing one if nothing has changed."""
    ready, reason, message = _ready(state)
    problem = state.problem
    is_stalled = problem is not None or bool(state.stopped) or _gives_way(state)
    wanted = [
        (ACCEPTED, problem is None, *(problem or (ACCEPTED, "The policy is valid."))),
        (ConditionType.READY.value, ready, reason, message),
        (ConditionType.STALLED.value, is_stalled, reason, message),
        (ConditionType.RECONCILING.value, not ready and not is_stalled, reason, message),
        _conflict(state),
    ]
    status: dict[str, Any] = {
        "observedGeneration": policy.meta.generation,
        "conditions": [_condition(policy, *each, now=now) for each in wanted],
        "cameras": state.counts.cameras,
        "updatedCameras": state.counts.updated,
        "ignoredCameras": state.counts.ignored,
        "revisions": [dict(revision) for revision in state.revisions],
    }
    if state.rollout:
        status["rollout"] = dict(state.rollout)
    return status


def _ready(state: PolicyState) -> tuple[bool, str, str]:
    if state.problem is not None:
        return False, *state.problem
    if state.stopped:
        left = f"{state.remaining} cameras keep their values" if state.remaining else "No camera is left"
        return False, "RolloutStopped", f"The rollout has stopped: {state.stopped.rstrip('.')}. {left}."
    if state.remaining:
        return (
            False,
            "RollingOut",
            f"{state.counts.updated} of {state.counts.cameras} cameras have the values of this version.",
        )
    if state.conflict is not None and state.conflict.gives_way:
        return False, CONFLICT, state.conflict.message
    return True, "Applied", _applied_text(state)


def _applied_text(state: PolicyState) -> str:
    if not state.counts.cameras and state.counts.ignored:
        return (
            "The selector matches only cameras of the API, which policies do not change: "
            "set their values in the dashboard or the API."
        )
    if not state.counts.cameras:
        return "The selector matches no camera in this namespace."
    return "All selected cameras have the values of this version."


def _gives_way(state: PolicyState) -> bool:
    return state.conflict is not None and state.conflict.gives_way


def _conflict(state: PolicyState) -> tuple[str, bool, str, str]:
    if state.conflict is not None:
        return CONFLICT, True, "SamePriority", state.conflict.message
    text = "No other policy of the same priority sets the same fields of the same cameras to other values."
    return CONFLICT, False, "NoConflict", text


def _condition(
    policy: CameraPolicy, kind: str, is_true: bool, reason: str, message: str, *, now: datetime
) -> dict[str, Any]:
    status = (ConditionStatus.TRUE if is_true else ConditionStatus.FALSE).value
    former: Mapping[str, Any] = next(
        (known for known in policy.status.get("conditions") or () if known.get("type") == kind), {}
    )
    since = former.get("lastTransitionTime") if former.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:32768],
        "observedGeneration": policy.meta.generation,
        "lastTransitionTime": since or rfc3339(now),
    }
