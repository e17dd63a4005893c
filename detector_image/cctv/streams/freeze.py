"""Detect a stream that keeps sending one and the same frame."""

import zlib
from collections.abc import Callable

import av
import numpy as np

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


_EVERY = 4


def fingerprint(picture: av.VideoFrame) -> int:
    """A number that differs when a sixteenth of the picture's first plane does: noise alone changes it."""
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(rows[: picture.height : _EVERY, : picture.width : _EVERY]).data)
