"""Decide when a camera without a GPU that its detector can use switches to the fallback of its class.

It then keeps the fallback: switching back and forth would restart the detector each time, and the next waiting camera
may need the GPU. Editing the camera, or deactivating and activating it, tries the original class again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vigil_contracts.names import Reason
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.observed import Camera, DetectorClass

_WITHOUT_GPU = frozenset(
    {("Scheduled", Reason.INSUFFICIENT_GPU.value), ("Streaming", Reason.DEVICE_UNAVAILABLE.value)}
)
"""Condition and reason: no node has a free one; the detector has one that it cannot use."""


def with_fallback(
    chosen: ChosenClass, camera: Camera, classes: Mapping[str, DetectorClass], now: datetime
) -> ChosenClass:
    """Return `chosen`, or its fallback if that is due or in use. A fallback's own fallback is ignored."""
    fallback = chosen.spec.fallback
    if fallback is None or fallback.class_name == chosen.name:
        return chosen
    if not (_has_fallen_back(camera, fallback.class_name) or _has_waited(camera.status, fallback.after_seconds, now)):
        return chosen
    other = choose_class(fallback.class_name, classes)
    return chosen if isinstance(other, NoClass) else other


def seconds_to_fallback(chosen: ChosenClass, status: Mapping[str, Any], now: datetime) -> float | None:
    """Return how long until the camera falls back if it finds no usable GPU by then; None: it is not waiting."""
    waited = _waited_seconds(status, now)
    if chosen.spec.fallback is None or waited is None:
        return None
    return max(0.0, chosen.spec.fallback.after_seconds - waited)


def _has_fallen_back(camera: Camera, class_name: str) -> bool:
    status = camera.status
    in_use = (status.get("detector") or {}).get("class")
    return in_use == class_name and status.get("observedGeneration") == camera.meta.generation


def _has_waited(status: Mapping[str, Any], seconds: float, now: datetime) -> bool:
    waited = _waited_seconds(status, now)
    return waited is not None and waited >= seconds


def _waited_seconds(status: Mapping[str, Any], now: datetime) -> float | None:
    """Return how long a condition has been False for want of a usable GPU; None when none is."""
    for condition in status.get("conditions") or []:
        if (condition.get("type"), condition.get("reason")) in _WITHOUT_GPU:
            since = datetime.fromisoformat(condition["lastTransitionTime"])
            return (now - since).total_seconds()
    return None
