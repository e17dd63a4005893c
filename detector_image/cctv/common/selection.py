"""Which pictures are analysed (the frame rate limit), and what is wrong with a stream that still sends some."""

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


UNREFRESHED_SECONDS = 600.0
"""A stream that shows one picture for so long is frozen though no keyframe came: some encoders send only one."""


class FreezeDetector:
    """Tells a frozen stream: one whose picture stands still for `after_seconds`, over a keyframe at least; 0: never.

    Between keyframes an encoder sends "no change" for a quiet dark scene, and the decoded picture stays exactly the
    same; only a keyframe shows what the camera sees. Timestamps say nothing: cameras exist that send the same ones
    for ever beside moving pictures. Survives reconnections: a camera that shows the frozen picture again is still
    frozen.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._fingerprint: int | None = None
        self._changed_at: float | None = None
        self._is_refreshed = False
        self.has_changed = True
        """Whether the newest picture differed from the one before it, on a former connection if need be."""

    def is_frozen(self, fingerprint: Callable[[], int], now_seconds: float, *, is_refreshed: bool) -> bool:
        """Takes the next picture. `is_refreshed`: it, or one between it and the last one taken, was a keyframe."""
        if not self._after_seconds:
            return False
        print_now = fingerprint()
        self.has_changed = print_now != self._fingerprint
        if self._changed_at is None or self.has_changed:
            self._changed_at, self._is_refreshed = now_seconds, False
        else:
            self._is_refreshed = self._is_refreshed or is_refreshed
        self._fingerprint = print_now
        needed = self._after_seconds if self._is_refreshed else max(self._after_seconds, UNREFRESHED_SECONDS)
        return now_seconds - self._changed_at >= needed

    def begin_stream(self) -> None:
        """A new connection has its own time in which the picture may change."""
        self._changed_at = None


_WINDOW_SECONDS = 5.0
_MOST_DEVIATION = 3.0


class TimestampCheck:
    """Tells a stream whose timestamps stand still or are nonsense, by the time in which its pictures arrive."""

    def __init__(self) -> None:
        self._window: tuple[float, float] | None = None
        self._implausible_windows = 0
        self._is_reported = False

    def begin_stream(self) -> None:
        """A new connection counts its timestamps from another moment."""
        self._window, self._implausible_windows = None, 0

    def finds_nonsense(self, timestamp_seconds: float | None, now_seconds: float) -> bool:
        """Takes a picture's timestamp and arrival; True once, as soon as it is certain.

        One jump is no nonsense (cameras set their clocks), and a camera first sends what it had ready: two windows
        in a row must be wrong.
        """
        if timestamp_seconds is None or self._is_reported:
            return False
        if self._window is None:
            self._window = (timestamp_seconds, now_seconds)
        first, began = self._window
        if now_seconds - began < _WINDOW_SECONDS:
            return False
        is_wrong = not is_plausible(timestamp_seconds - first, now_seconds - began)
        self._implausible_windows = self._implausible_windows + 1 if is_wrong else 0
        self._window = (timestamp_seconds, now_seconds)
        self._is_reported = self._implausible_windows >= 2
        return self._is_reported


def is_plausible(advance_seconds: float, elapsed_seconds: float) -> bool:
    """Whether timestamps that advanced by so much can belong to pictures that arrived in so much time."""
    return elapsed_seconds / _MOST_DEVIATION <= advance_seconds <= elapsed_seconds * _MOST_DEVIATION


_EVERY = 4


def fingerprint(picture: av.VideoFrame) -> int:
    """A number that differs when a sixteenth of the picture's first plane does: noise alone changes it."""
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(rows[: picture.height : _EVERY, : picture.width : _EVERY]).data)
