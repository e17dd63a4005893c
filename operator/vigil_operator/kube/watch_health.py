"""Check that the watches are alive: whatever a listing finds, a watch must report soon after.

A silent watch is not necessarily dead: usually nothing happens, and kopf hides the bookmarks that prove a stream
alive. But a watch reports whatever a listing finds a moment later, or once kopf has restarted it (after
`INACTIVITY_TIMEOUT_SECONDS` without a bookmark). A watch with such an overdue report that reports nothing else of its
kind is dead; one that is busy reporting ten thousand objects is not.
"""

import time
from collections.abc import Callable

from vigil_operator.core.observed import Key
from vigil_operator.kube.kinds import Kind


class WatchHealth:
    """Versions that listings have found and watches have not reported yet."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._untold: dict[tuple[Kind, Key], tuple[int, float]] = {}
        self._told_at: dict[Kind, float] = {}

    def listed(self, kind: Kind, key: Key, version: int) -> None:
        """Record an unknown version of an object in a listing."""
        _, since = self._untold.get((kind, key), (0, self._monotonic()))
        self._untold[kind, key] = version, since

    def told(self, kind: Kind, key: Key, version: int) -> None:
        """Record that a watch reported this version; it covers older ones."""
        self._told_at[kind] = self._monotonic()
        awaited = self._untold.get((kind, key))
        if awaited is not None and awaited[0] <= version:
            del self._untold[kind, key]

    def gone(self, kind: Kind, key: Key) -> None:
        """Remove a deleted object, which will not be reported any more."""
        self._untold.pop((kind, key), None)

    def alive_at(self) -> float:
        """Return when all watches were last known to be alive (`time.monotonic`): now, if no report is overdue."""
        now = self._monotonic()
        return min(
            (max(since, self._told_at.get(kind, since)) for (kind, _), (_, since) in self._untold.items()),
            default=now,
        )
