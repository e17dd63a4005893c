"""A queue that serves its senders in turn, so that no camera can fill it or hold others up. Not thread-safe."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueFullError(Exception):
    """There is no room. The message says for whom."""


class FairQueue(Generic[Item]):
    """Round robin over senders, first in first out within one. `limit`: items of all, `sender_limit`: of one."""

    def __init__(self, limit: int, sender_limit: int) -> None:
        self._limit, self._sender_limit = limit, sender_limit
        self._items: OrderedDict[str, deque[Item]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, sender: str, items: Sequence[Item]) -> None:
        """Add all items or none. Raises `QueueFullError`."""
        if self._length + len(items) > self._limit:
            raise QueueFullError(f"{self._length} images wait, and at most {self._limit} may")
        own = self._items.get(sender, deque())
        if own and len(own) + len(items) > self._sender_limit:  # a batch may be larger if none of the sender waits
            raise QueueFullError(f"{len(own)} images of this camera wait already")
        if items:
            self._items.setdefault(sender, own).extend(items)
            self._length += len(items)

    def get(self) -> Item:
        """Remove and return the next item. Raises `IndexError` if the queue is empty."""
        if not self._length:
            raise IndexError("empty queue")
        sender, own = next(iter(self._items.items()))
        item = own.popleft()
        self._length -= 1
        if own:
            self._items.move_to_end(sender)
        else:
            del self._items[sender]
        return item
