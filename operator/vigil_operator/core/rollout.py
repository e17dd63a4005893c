"""A changed DetectorClass, setting or operator restarts detectors: a few at a time, so that a bad one blinds a few.

Only a change of a pod's template that its own camera does not explain waits here. A camera that asked for it (another
class, a new password) restarts at once, and so does a detector that does not run anyway: it has nothing to lose.
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
        Reason.STREAM_UNAUTHORIZED,
        Reason.STREAM_NOT_FOUND,
        Reason.STREAM_UNREACHABLE,
        Reason.STREAM_TIMEOUT,
        Reason.STREAM_ENDED,
        Reason.STREAM_FROZEN,
        Reason.STREAM_UNSUPPORTED,
        Reason.STREAM_FORBIDDEN,
    }
)
"""With these a detector that is not ready after its restart was restarted well: it runs and says what is wrong."""


def is_roll(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether going from one Deployment to the other restarts a detector for a reason that is not its camera's."""
    before, after = existing["spec"]["template"], wanted["spec"]["template"]
    if covers(before, after) and _hash(existing) == _hash(wanted):
        return False
    return _of_the_camera(before) == _of_the_camera(after)


class RolloutGate:
    """Who may restart now. A camera holds its place until its detector runs again; the others wait in line.

    A class that starts nowhere keeps the places of the first few for ever, and everybody else their old detector.
    What it remembers ends with the process: after a change of leaders a few more may begin.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rolling: set[Key] = set()
        self._waiting: OrderedDict[Key, None] = OrderedDict()

    def may_roll(self, camera: Key, *, is_running: bool) -> bool:
        """Whether the camera's detector may restart now; if not, it is told by `settled` when it should ask again."""
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
        """Whether it holds a place."""
        return camera in self._rolling

    def settled(self, camera: Key) -> tuple[Key, ...]:
        """The camera's detector runs again, or is no longer wanted; who should ask now."""
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
