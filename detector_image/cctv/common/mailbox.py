"""A single-slot queue between two threads that keeps only the newest item."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most one item: `put` never blocks and replaces an item that was not taken, so no backlog builds up."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Store `item`; return True if it replaced one that was not taken."""
        with self._condition:
            replaced = self._item is not None
            self._item = item
            self._condition.notify()
            return replaced

    def take(self, timeout_seconds: float) -> T | None:
        """Wait for the item and return it; None after the time-out or when closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout_seconds)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake all waiting threads."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
