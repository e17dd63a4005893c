"""Build a DetectorClass's `status`: whether detectors of it can be created, and how many cameras use it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_operator.core.camera_cost import excesses
from vigil_operator.core.classes import default_class_name
from vigil_operator.core.conditions import ConditionType, rfc3339
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, Manifest, ManifestSettings
from vigil_operator.core.names import ANNOTATION_DEFAULT_CLASS
from vigil_operator.core.observed import Camera, DetectorClass, Key
from vigil_operator.core.rollout_state import RolloutPhase
from vigil_operator.core.specs import DetectorClassSpec, parse_camera_spec

ACCEPTED = "Accepted"

ROLLOUT_SUCCEEDED = "RolloutSucceeded"
"""Only while the spec has a rollout. Unknown until the new model is promoted or the trial aborted."""

_SUCCEEDED = {RolloutPhase.PROMOTED.value: True, RolloutPhase.ABORTED.value: False}
_STATUSES = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}

REQUESTS_SUFFICIENT = "RequestsSufficient"
"""Only when detectors of the class have measured what they need. Kubernetes places them by what they request."""

DEFAULT = "Default"
"""Only on classes that are annotated as the default together with others."""

TRIAL_CAMERA = "class-check"
"""The name in Deployments that the API server checks and does not store."""

_WAITING = frozenset({Reason.INSUFFICIENT_GPU, Reason.INSUFFICIENT_RESOURCES})

_TRIAL_SPEC = {"stream": {"url": "rtsp://192.0.2.1/"}}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Whether detectors of a class can be created. `reason` is `Accepted`, `InvalidSpec` or `DetectorRefused`."""

    reason: str = ACCEPTED
    message: str = "Detectors of this class can be created."

    @property
    def is_accepted(self) -> bool:
        """Whether there is no objection."""
        return self.reason == ACCEPTED


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """Cameras by the class that they use: the one in use, else the one that they name or the default."""

    all: Counter[str]
    waiting: Counter[str]
    """Those whose detector waits for a node."""
    asleep: Counter[str]


def count_cameras(cameras: Iterable[Camera], classes: Mapping[str, DetectorClass]) -> CameraCounts:
    """Count the cameras of each class."""
    default = default_class_name(classes)
    counts = CameraCounts(Counter(), Counter(), Counter())
    for camera in cameras:
        name = camera.class_in_use or camera.class_named or default
        counts.all[name] += 1
        counts.waiting[name] += camera.not_ready_reason in _WAITING
        counts.asleep[name] += camera.phase == CameraPhase.ASLEEP.value
    return counts


def build_trial(class_name: str, spec: DetectorClassSpec, settings: ManifestSettings, namespace: str) -> Manifest:
    """Return the Deployment of a detector of the class, for the API server to check."""
    return build_deployment(
        DetectorPlan(
            camera=Key(namespace, TRIAL_CAMERA),
            camera_uid="00000000-0000-0000-0000-000000000000",
            camera_id=1,
            spec=parse_camera_spec(TRIAL_CAMERA, _TRIAL_SPEC),
            class_name=class_name,
            detector_class=spec,
            secrets=DetectorSecrets(token=""),
            settings=settings,
        )
    )


def build_class_status(
    found: DetectorClass,
    acceptance: Acceptance,
    cameras: int,
    now: datetime,
    *,
    classes: Mapping[str, DetectorClass] | None = None,
    start_seconds: int | None = None,
    capacity: Mapping[str, Any] | None = None,
    rollout: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the `status` to write; equal to the existing one if nothing has changed. `classes`: all classes.

    `start_seconds`: see `core.start_times`. `capacity`: see `core.capacity`. `rollout`: see
    `core.model_rollout`.
    """
    conditions = [_condition(found, ACCEPTED, acceptance.is_accepted, acceptance.reason, acceptance.message, now)]
    if not acceptance.is_accepted:
        # By the convention of kstatus (Flux, Helm, Argo CD): the class stays as it is until a person changes it.
        stalled = ConditionType.STALLED.value
        conditions.append(_condition(found, stalled, True, acceptance.reason, acceptance.message, now))
    name = found.key.name
    if problem := several_defaults_problem(name, classes or {}):
        is_used = name == default_class_name(classes or {})
        conditions.append(_condition(found, DEFAULT, is_used, "SeveralDefaults", problem, now))
    if rollout is not None:
        succeeded = _SUCCEEDED.get(rollout["phase"])
        text = f"{rollout['phase']}: {rollout['message']}"
        conditions.append(_condition(found, ROLLOUT_SUCCEEDED, succeeded, rollout["reason"], text, now))
    if capacity is not None and (per_camera := capacity.get("perCamera")):
        missing = excesses(per_camera, capacity.get("requests") or {})
        reason, text = requests_verdict(missing)
        conditions.append(_condition(found, REQUESTS_SUFFICIENT, not missing, reason, text, now))
    status = {"observedGeneration": found.meta.generation, "conditions": conditions, "cameras": cameras}
    measured = {"startSeconds": start_seconds, "capacity": capacity, "rollout": rollout}
    return status | {name: value for name, value in measured.items() if value is not None}


def requests_verdict(missing: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    """Return reason and message of `RequestsSufficient`. `missing`: as returned by `excesses`."""
    if not missing:
        return "Sufficient", "Detectors of this class request as much CPU and memory as they need."
    figures = "; ".join(f"{name}: {need} needed, {request} requested" for name, need, request in missing)
    return "RequestsTooLow", (
        f"Detectors of this class need more than they request (95th percentile): {figures}. Nodes may get more"
        " detectors than they can serve. Raise spec.resources.requests."
    )


def several_defaults_problem(name: str, classes: Mapping[str, DetectorClass]) -> str | None:
    """Return what to say on the class `name` if it and others are annotated as the default; otherwise None."""
    annotated = sorted(other for other, found in classes.items() if found.is_default)
    if name not in annotated or len(annotated) == 1:
        return None
    return (
        f"Several classes are annotated as the default: {', '.join(annotated)}. Cameras that name no class use "
        f"{annotated[0]}, the first by name. Remove the annotation {ANNOTATION_DEFAULT_CLASS} from the others."
    )


def _condition(
    found: DetectorClass, kind: str, is_true: bool | None, reason: str, message: str, now: datetime
) -> dict[str, Any]:
    """Return a condition. `is_true`: None if it is not known yet."""
    status = _STATUSES[is_true].value
    former: Mapping[str, Any] = next(
        (known for known in found.status.get("conditions") or () if known.get("type") == kind), {}
    )
    since = former.get("lastTransitionTime") if former.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": found.meta.generation,
        "lastTransitionTime": since or rfc3339(now),
    }
