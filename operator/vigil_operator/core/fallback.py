"""When a camera that finds no GPU gives up waiting and takes its class's fallback.

Having fallen back it stays there: going back and forth would end the detector each time, for a GPU that the next
camera in line may want. An edit of the camera, or switching it off and on, has it try the first class again.
"""

from collections.abc import Mapping
from datetime import datetime

from vigil_contracts.names import Reason
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.observed import Camera, DetectorClass


def with_fallback(
    chosen: ChosenClass, camera: Camera, classes: Mapping[str, DetectorClass], now: datetime
) -> ChosenClass:
    """`chosen`, or its fallback where that is due or already taken. A fallback has none of its own."""
    fallback = chosen.spec.fallback
    if fallback is None or fallback.class_name == chosen.name:
        return chosen
    if not (_has_fallen_back(camera, fallback.class_name) or _has_waited(camera, fallback.after_seconds, now)):
        return chosen
    other = choose_class(fallback.class_name, classes)
    return chosen if isinstance(other, NoClass) else other


def _has_fallen_back(camera: Camera, class_name: str) -> bool:
    status = camera.status
    in_use = (status.get("detector") or {}).get("class")
    return in_use == class_name and status.get("observedGeneration") == camera.meta.generation


def _has_waited(camera: Camera, seconds: float, now: datetime) -> bool:
    """Whether the condition Scheduled has been False for want of a GPU for so long."""
    for condition in camera.status.get("conditions") or []:
        if condition.get("type") == "Scheduled" and condition.get("reason") == Reason.INSUFFICIENT_GPU.value:
            since = datetime.fromisoformat(condition["lastTransitionTime"])
            return (now - since).total_seconds() >= seconds
    return False
