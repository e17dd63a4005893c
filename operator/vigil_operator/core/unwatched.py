"""The status of Camera resources in namespaces that the operator does not watch.

Another operator may watch the namespace. Therefore only a resource without a status gets one, and only this status is
updated later. It reveals no names of other namespaces, since users of this one may not know them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vigil_contracts.names import CameraPhase, ConditionStatus
from vigil_operator.core.conditions import ConditionType, rfc3339

NAMESPACE_NOT_WATCHED = "NamespaceNotWatched"

_MESSAGE = (
    "The operator does not watch the namespace {namespace}. Create the camera in a watched namespace, or ask an "
    "administrator to add this one to detectors.watchedNamespaces in the chart (VIGIL_WATCHED_NAMESPACES)."
)


def is_watched_elsewhere(camera: Mapping[str, Any]) -> bool:
    """Return whether another operator has written the Camera's status."""
    reasons = [each.get("reason") for each in (camera.get("status") or {}).get("conditions") or ()]
    return bool(reasons) and NAMESPACE_NOT_WATCHED not in reasons


def unwatched_status(camera: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return the status to write to a Camera in a namespace that is not watched, or None if it has one."""
    metadata, status = camera.get("metadata") or {}, camera.get("status") or {}
    generation = metadata.get("generation", 0)
    since = rfc3339(now)
    # A new resource has an `observedGeneration` by default.
    if status.get("conditions"):
        former = [each for each in status.get("conditions") or () if each.get("reason") == NAMESPACE_NOT_WATCHED]
        if not former or status.get("observedGeneration") == generation:
            return None
        since = former[0].get("lastTransitionTime", since)
    condition = {
        "status": ConditionStatus.FALSE.value,
        "reason": NAMESPACE_NOT_WATCHED,
        "message": _MESSAGE.format(namespace=metadata.get("namespace", "")),
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }
    ready = {**condition, "type": ConditionType.READY.value}
    stalled = {**condition, "type": ConditionType.STALLED.value, "status": ConditionStatus.TRUE.value}
    return {"observedGeneration": generation, "phase": CameraPhase.FAILED.value, "conditions": [ready, stalled]}
