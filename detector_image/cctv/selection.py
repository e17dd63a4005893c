"""Which pictures are worth looking at: the limit of the frame rate, and pictures that never change."""

import zlib
from collections.abc import Callable

import av
import numpy as np


class FrameRateLimit:
    """Lets at most `frames_per_second` pictures through, evenly, however they arrive."""

    def __init__(self, frames_per_second: float) -> None:
        self._interval = 1.0 / frames_per_second
        self._next_due = float("-inf")

    def is_due(self, now_seconds: float) -> bool:
        """Whether the picture that arrived at `now_seconds` is to be looked at."""
        # A quarter of an interval early is on time: a camera's clock and ours are never quite the same, and a rate
        # that divides the camera's would otherwise lose a picture at each slip.
        if now_seconds < self._next_due - self._interval / 4:
            return False
        self._next_due = max(self._next_due, now_seconds - self._interval / 2) + self._interval
        return True


class FreezeDetector:
    """Tells a frozen stream: one whose picture, or whose clock, stands still for `after_seconds`; 0: never.

    Survives reconnections: a camera that shows the frozen picture again is still frozen.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._fingerprint: int | None = None
        self._timestamp: int | None = None
        self._changed_at: float | None = None
        self.has_changed = True
        """Whether the newest picture differed from the one before it, on a former connection if need be."""

    def is_frozen(self, fingerprint: Callable[[], int], timestamp: int | None, now_seconds: float) -> bool:
        """Takes the next picture: its fingerprint and its presentation time in any unit (None: it has none)."""
        if not self._after_seconds:
            return False
        print_now = fingerprint()
        clock_stands = timestamp is not None and timestamp == self._timestamp
        self.has_changed = print_now != self._fingerprint and not clock_stands
        if self._changed_at is None or self.has_changed:
            self._changed_at = now_seconds
        self._fingerprint, self._timestamp = print_now, timestamp
        return now_seconds - self._changed_at >= self._after_seconds

    def begin_stream(self) -> None:
        """A new connection has its own time in which the picture may change."""
        self._changed_at = None


_EVERY = 4


def fingerprint(picture: av.VideoFrame) -> int:
    """A number that differs when a sixteenth of the picture's first plane does: noise alone changes it."""
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(rows[: picture.height : _EVERY, : picture.width : _EVERY]).data)
