"""Deliver rows in the order of their ids, although transactions do not commit in that order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""Maximum time to wait for a missing id: a transaction that someone left open must not block delivery forever. No
request takes this long."""

Writers = frozenset[str]
"""Transactions that may have allocated an id and are still open."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    row: T
    seen_at: float
    writers: Writers | None = None


class InOrder(Generic[T]):
    """Delivers each row once, in the order of ids, so that «everything after id N» never misses one.

    A row after a missing id waits until all transactions that were open when it was seen have ended: then the missing
    row exists or was rolled back (a repeated event uses up an id). Later transactions allocate higher ids.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self._waiting: dict[int, _Waiting[T]] = {}

    @property
    def has_gap(self) -> bool:
        """Return whether rows wait for a missing one."""
        return bool(self._waiting)

    def take(self, found: Mapping[int, T], *, writing: Writers, now: float) -> list[T]:
        """Add rows that are in the database and return those that may be delivered.

        `writing`: transactions open before `found` was read; required if `has_gap`. `now` in seconds, monotonic.
        """
        for row_id, row in found.items():
            if row_id > self.position:
                self._waiting.setdefault(row_id, _Waiting(row, now))
        taken: list[T] = []
        for row_id in sorted(self._waiting):
            one = self._waiting[row_id]
            is_settled = one.writers is not None and not one.writers & writing
            if row_id != self.position + 1 and not is_settled and now - one.seen_at < PATIENCE_SECONDS:
                break
            taken.append(one.row)
            del self._waiting[row_id]
            self.position = row_id
        return taken

    def note(self, writing: Writers) -> None:
        """Record for the rows waiting since the last `take` which transactions may add missing ones."""
        for one in self._waiting.values():
            if one.writers is None:
                one.writers = writing
