"""Measure during how much time at least one operation is in progress: operations that overlap count once."""

import threading
import time
from collections.abc import Callable


class BusyTime:
    """Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._in_progress = 0
        self._began = 0.0
        self._seconds = 0.0

    def begin(self) -> None:
        """Note that an operation begins."""
        with self._lock:
            if self._in_progress == 0:
                self._began = self._monotonic()
            self._in_progress += 1

    def end(self) -> None:
        """Note that an operation has ended. Call it once for each `begin`."""
        with self._lock:
            self._in_progress -= 1
            if self._in_progress == 0:
                self._seconds += self._monotonic() - self._began

    def seconds(self) -> float:
        """Return the busy time so far, with that of operations in progress."""
        with self._lock:
            return self._seconds + (self._monotonic() - self._began if self._in_progress else 0.0)
