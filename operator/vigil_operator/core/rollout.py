"""Limit concurrent restarts after changes of a DetectorClass, a setting or the operator: a bad change stops few.

Only changes of a pod template that are not caused by its camera are limited. After a change of the camera (another
class, a new password) its detector restarts immediately, and so does a detector that is not running.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from vigil_contracts.names import Reason
from vigil_operator.core.compare import covers
from vigil_operator.core.names import ANNOTATION_CREDENTIALS, ANNOTATION_DESIRED, LABEL_DETECTOR_CLASS
from vigil_operator.core.observed import Key

NOT_THE_CLASS = frozenset(
    {
        Reason.INACTIVE,
        Reason.ASLEEP,
        Reason.STREAM_UNAUTHORIZED,
        Reason.STREAM_NOT_FOUND,
        Reason.STREAM_UNREACHABLE,
        Reason.STREAM_TIMEOUT,
        Reason.STREAM_ENDED,
        Reason.STREAM_FROZEN,
        Reason.STREAM_UNSUPPORTED,
        Reason.STREAM_FORBIDDEN,
        Reason.EVENTS_UNAVAILABLE,
    }
)
"""With these reasons a detector that is not ready counts as restarted successfully: it runs and reports a problem."""


def is_roll(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether this change of the Deployment restarts a detector for a reason other than its camera."""
    before, after = existing["spec"]["template"], wanted["spec"]["template"]
    if covers(before, after) and _hash(existing) == _hash(wanted):
        return False
    return _of_the_camera(before) == _of_the_camera(after)


class RolloutGate:
    """Decides which cameras may restart now. A camera holds a slot until its detector runs again; others wait.

    If detectors of a class never start, the first ones hold their slots permanently and all others keep running the
    old version. The state is lost with the process: after a change of leaders a few more detectors may restart.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rolling: set[Key] = set()
        self._waiting: OrderedDict[Key, None] = OrderedDict()

    def may_roll(self, camera: Key, *, is_running: bool) -> bool:
        """Return whether the camera's detector may restart now; if not, `settled` returns it when it should retry."""
        if not is_running or camera in self._rolling:
            self._waiting.pop(camera, None)
            return True
        if len(self._rolling) < self._limit:
            self._rolling.add(camera)
            self._waiting.pop(camera, None)
            return True
        self._waiting[camera] = None
        return False

    def is_rolling(self, camera: Key) -> bool:
        """Return whether the camera holds a slot."""
        return camera in self._rolling

    def settled(self, camera: Key) -> tuple[Key, ...]:
        """Release the camera's slot after its restart or removal; return the cameras that should retry now."""
        self._waiting.pop(camera, None)
        self._rolling.discard(camera)
        free = self._limit - len(self._rolling)
        return tuple(self._waiting)[: max(0, free)]


def _hash(deployment: Mapping[str, Any]) -> str:
    annotations = deployment["metadata"].get("annotations") or {}
    return str(annotations.get(ANNOTATION_DESIRED, ""))


def _of_the_camera(template: Mapping[str, Any]) -> tuple[object, object]:
    metadata = template.get("metadata") or {}
    return (
        (metadata.get("labels") or {}).get(LABEL_DETECTOR_CLASS),
        (metadata.get("annotations") or {}).get(ANNOTATION_CREDENTIALS),
    )
