"""A hand-over for one item between two threads in which the newest wins."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most one item: putting never waits and replaces what was not yet taken, so no delay builds up."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Leaves `item`; True where it replaced one that nobody took."""
        with self._condition:
            replaced = self._item is not None
            self._item = item
            self._condition.notify()
            return replaced

    def take(self, timeout_seconds: float) -> T | None:
        """The item, waiting for it; None after the timeout or once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout_seconds)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wakes whoever waits."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
