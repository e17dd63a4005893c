"""A work queue of cameras: each is queued at most once, and given to one worker at a time; failures back off.

kopf keeps the state of its retries in annotations of the object, which costs a write for each. This is the work queue
of controller-runtime in asyncio.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from vigil_contracts.backoff import Backoff, Jitter
from vigil_operator.core.observed import Key

PRESSING_TO_OTHERS = 8
"""Every eighth camera is one that is not pressing, so that none waits forever."""

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0


class WorkQueue:
    """For one event loop; not thread-safe.

    `is_pressing`: which cameras go before the others, whose objects exist and only their status may change.
    """

    def __init__(self, is_pressing: Callable[[Key], bool] = lambda _: True) -> None:
        self._is_pressing = is_pressing
        self._pressing: deque[Key] = deque()
        self._others: deque[Key] = deque()
        self._turns = 0
        self._dirty: set[Key] = set()
        self._working: set[Key] = set()
        self._backoffs: dict[Key, Backoff] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._dirty)

    def add(self, key: Key) -> None:
        """Queue a camera, or mark it to be queued again if a worker has it."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._enqueue(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Queue a camera after a pause, unless it is queued before that."""
        if key in self._dirty:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self.add, key)

    def retry(self, key: Key, at_least_seconds: float = 0.0) -> float:
        """Queue a camera that failed, after a growing pause; return that pause."""
        if key not in self._backoffs:
            self._backoffs[key] = Backoff(FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, jitter=Jitter.LATER)
        seconds = self._backoffs[key].next_seconds(at_least_seconds)
        self.add_after(key, seconds)
        return seconds

    def succeeded(self, key: Key) -> None:
        """Forget the camera's failures."""
        self._backoffs.pop(key, None)

    async def get(self) -> Key:
        """Wait for the next camera; the caller must call `done` afterwards."""
        while not (self._pressing or self._others):
            self._filled.clear()
            await self._filled.wait()
        self._turns += 1
        is_others_turn = not self._pressing or self._turns % PRESSING_TO_OTHERS == 0
        key = (self._others if self._others and is_others_turn else self._pressing).popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """Release the camera; it is queued again if it was added in the meantime."""
        self._working.discard(key)
        if key in self._dirty:
            self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        (self._pressing if self._is_pressing(key) else self._others).append(key)
        self._filled.set()
