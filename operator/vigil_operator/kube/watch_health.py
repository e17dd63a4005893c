"""Whether the watches are alive: a listing that finds what no watch has told begins to count.

A silent watch is no dead one: most of the time nothing happens, and the bookmarks that prove a stream alive end in
kopf. But whatever a listing finds, a watch tells as well, a moment later, or once kopf has begun it anew (as it does
when not even a bookmark came for `INACTIVITY_TIMEOUT_SECONDS`). A watch that still owes that, and tells of nothing
else of its kind either, is dead. One that tells of ten thousand objects, one after the other, is not.
"""

import time
from collections.abc import Callable

from vigil_operator.core.observed import Key
from vigil_operator.kube.kinds import Kind


class WatchHealth:
    """What listings have found and watches have not told yet."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._untold: dict[tuple[Kind, Key], tuple[int, float]] = {}
        self._told_at: dict[Kind, float] = {}

    def listed(self, kind: Kind, key: Key, version: int) -> None:
        """A listing has found a version of an object that nobody knew."""
        _, since = self._untold.get((kind, key), (0, self._monotonic()))
        self._untold[kind, key] = version, since

    def told(self, kind: Kind, key: Key, version: int) -> None:
        """A watch has told of this version, or of a newer one."""
        self._told_at[kind] = self._monotonic()
        awaited = self._untold.get((kind, key))
        if awaited is not None and awaited[0] <= version:
            del self._untold[kind, key]

    def gone(self, kind: Kind, key: Key) -> None:
        """The object is gone: nobody will tell of it any more."""
        self._untold.pop((kind, key), None)

    def alive_at(self) -> float:
        """When all watches were last known to be alive (`time.monotonic`): now, where none owes anything."""
        now = self._monotonic()
        return min(
            (max(since, self._told_at.get(kind, since)) for (kind, _), (_, since) in self._untold.items()),
            default=now,
        )
