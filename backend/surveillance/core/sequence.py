"""Rows in the order of their ids, though transactions do not commit in that order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long a missing id is waited for at most, whoever may still be writing: a transaction that somebody left open
must not silence everything for ever. No request lasts as long."""

Writers = frozenset[str]
"""Names of transactions that may have drawn an id and are not over."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    row: T
    seen_at: float
    writers: Writers | None = None


class InOrder(Generic[T]):
    """Gives out each row once, in the order of ids, so that «everything after id N» never misses one.

    A row that comes after a missing id waits until all who were writing when it was seen are done: the missing one is
    there then, or was rolled back (a repeated event uses up an id). A transaction that begins later draws a later id.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self._waiting: dict[int, _Waiting[T]] = {}

    @property
    def has_gap(self) -> bool:
        """Whether rows wait for one that is missing."""
        return bool(self._waiting)

    def take(self, found: Mapping[int, T], *, writing: Writers, now: float) -> list[T]:
        """Adds rows that are in the database and returns those whose turn it is.

        `writing`: who was not done before `found` was read; asked for where `has_gap`. `now` in seconds, monotonic.
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
        """Notes for the rows that wait since the last `take` who may still bring what is missing before them."""
        for one in self._waiting.values():
            if one.writers is None:
                one.writers = writing
