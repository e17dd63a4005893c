"""A work queue of cameras: each at most once in line, never two workers on one, failures later and later.

kopf's own retries keep their state in annotations of the object; for a thousand cameras that is a thousand writes
that say nothing. This is the queue of controller-runtime in asyncio.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from vigil_contracts.backoff import Backoff, Jitter
from vigil_operator.core.observed import Key

PRESSING_TO_OTHERS = 8
"""Of so many cameras that are worked on, one is of those that could wait: nobody waits for ever."""

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0


class WorkQueue:
    """For one event loop; not thread-safe.

    `is_pressing`: which cameras go before the others, who have what they need and only want to say how it is doing.
    """

    def __init__(self, is_pressing: Callable[[Key], bool] = lambda _: True) -> None:
        self._is_pressing = is_pressing
        self._line: deque[Key] = deque()
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
        """Puts a camera in line, or marks it for another round if it is being worked on."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._stand_in_line(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Puts a camera in line later, unless it is put there sooner."""
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
        """The next failure counts as the first."""
        self._backoffs.pop(key, None)

    async def get(self) -> Key:
        """The next camera; the caller ends with `done`."""
        while not (self._line or self._others):
            self._filled.clear()
            await self._filled.wait()
        self._turns += 1
        is_others_turn = not self._line or self._turns % PRESSING_TO_OTHERS == 0
        key = (self._others if self._others and is_others_turn else self._line).popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """Gives the camera back; it goes in line again if it was added in the meantime."""
        self._working.discard(key)
        if key in self._dirty:
            self._stand_in_line(key)

    def _stand_in_line(self, key: Key) -> None:
        (self._line if self._is_pressing(key) else self._others).append(key)
        self._filled.set()
