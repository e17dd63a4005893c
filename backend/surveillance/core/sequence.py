"""Rows in the order of their ids, though transactions do not commit in that order."""

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""How long a missing id is waited for. An insert is the last statement before its commit, so one that takes longer
has been rolled back (a repeated event uses up an id)."""


class InOrder(Generic[T]):
    """Gives out each row once, in the order of ids, so that «everything after id N» never misses one."""

    def __init__(self, position: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.position = position
        self._patience_seconds = patience_seconds
        self._waiting: dict[int, tuple[float, T]] = {}

    def take(self, found: Mapping[int, T], *, now: float) -> list[T]:
        """Adds rows that are in the database and returns those whose turn it is; `now` in seconds, monotonic."""
        for row_id, row in found.items():
            if row_id > self.position:
                self._waiting.setdefault(row_id, (now, row))
        taken: list[T] = []
        for row_id in sorted(self._waiting):
            seen_at, row = self._waiting[row_id]
            if row_id != self.position + 1 and now - seen_at < self._patience_seconds:
                break
            taken.append(row)
            del self._waiting[row_id]
            self.position = row_id
        return taken
