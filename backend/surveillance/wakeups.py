"""Wake the readers of this process after a commit, so that they need not poll the database often.

A wake-up does not reach other processes. So readers also poll: often where another process may write what they read,
and rarely where this process is the only one.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from django.db import transaction

ONLY_PROCESS_SECONDS = 5.0
"""Management commands are the only other writers then."""

_only_process = threading.Event()


def mark_only_process() -> None:
    """Declare that no other process serves this database: readers rely on wake-ups from now on."""
    _only_process.set()


def is_only_process() -> bool:
    """Return whether no other process serves this database."""
    return _only_process.is_set()


def poll_seconds(shared: float) -> float:
    """Return the pause between two reads; `shared`: the one where other processes may write."""
    return max(shared, ONLY_PROCESS_SECONDS) if _only_process.is_set() else shared


class Listener:
    """Waits on the event loop that created it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Make `wait` return; callable from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    def forget(self) -> None:
        """Drop the wake-ups so far: the caller is about to read."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Wait for a wake-up since the last `forget`, for at most `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)


class Wakeable(Protocol):
    """Anything that waits for news."""

    def wake(self) -> None:
        """Make it read; callable from any thread."""


class Wakeup:
    """Announces one kind of news to all listeners of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Wakeable] = set()

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Return a listener for the running event loop."""
        listener = Listener()
        self.add(listener)
        try:
            yield listener
        finally:
            self.discard(listener)

    def add(self, listener: Wakeable) -> None:
        """Wake this listener too, until it is discarded."""
        with self._lock:
            self._listeners.add(listener)

    def discard(self, listener: Wakeable) -> None:
        """Stop waking this listener."""
        with self._lock:
            self._listeners.discard(listener)

    def announce(self) -> None:
        """Wake the listeners."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.wake()

    def announce_after_commit(self) -> None:
        """Wake the listeners once the current transaction is committed, or at once without one."""
        transaction.on_commit(self.announce, robust=True)


ALERTS = Wakeup()
"""New alerts."""
HEALTH = Wakeup()
"""New reports of detectors."""
DETECTOR_TASKS = Wakeup()
"""New or repeated detector tasks and notices."""
