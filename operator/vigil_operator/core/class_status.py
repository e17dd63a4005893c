"""Build a DetectorClass's `status`: whether detectors of it can be created, and how many cameras use it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil_contracts.names import ConditionStatus
from vigil_operator.core.classes import default_class_name
from vigil_operator.core.conditions import ConditionType, rfc3339
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, Manifest, ManifestSettings
from vigil_operator.core.observed import Camera, DetectorClass, Key
from vigil_operator.core.specs import DetectorClassSpec, parse_camera_spec

ACCEPTED = "Accepted"

TRIAL_CAMERA = "class-check"
"""The name in Deployments that the API server checks and does not store."""

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


def count_cameras(cameras: Iterable[Camera], classes: Mapping[str, DetectorClass]) -> Counter[str]:
    """Return how many cameras use each class: the one in use, else the one that they name or the default."""
    default = default_class_name(classes)
    return Counter(camera.class_in_use or camera.class_named or default for camera in cameras)


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


def build_class_status(found: DetectorClass, acceptance: Acceptance, cameras: int, now: datetime) -> dict[str, Any]:
    """Return the `status` to write; equal to the existing one if nothing has changed."""
    accepted = ConditionStatus.TRUE if acceptance.is_accepted else ConditionStatus.FALSE
    former: Mapping[str, Any] = next(
        (known for known in found.status.get("conditions") or () if known.get("type") == ACCEPTED), {}
    )
    since = former.get("lastTransitionTime") if former.get("status") == accepted.value else None
    condition = {
        "type": ACCEPTED,
        "status": accepted.value,
        "reason": acceptance.reason,
        "message": acceptance.message,
        "observedGeneration": found.meta.generation,
        "lastTransitionTime": since or rfc3339(now),
    }
    conditions = [condition]
    if not acceptance.is_accepted:
        # By the convention of kstatus (Flux, Helm, Argo CD): the class stays as it is until a person changes it.
        conditions.append({**condition, "type": ConditionType.STALLED.value, "status": ConditionStatus.TRUE.value})
    return {"observedGeneration": found.meta.generation, "conditions": conditions, "cameras": cameras}
