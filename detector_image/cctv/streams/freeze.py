"""Detect a stream that repeats the same frame."""

import zlib
from collections.abc import Callable

import av
import numpy as np

UNREFRESHED_SECONDS = 600.0
"""After this time an unchanged frame counts as frozen even without a keyframe: some encoders send only one."""


class FreezeDetector:
    """Detects a frozen stream: the frame is unchanged for `after_seconds` and across a keyframe. 0 disables it.

    Between keyframes an encoder sends "no change" for a quiet dark scene, and the decoded frame stays identical. Only
    a keyframe shows what the camera really sees. Timestamps are no evidence: some cameras send constant timestamps
    with moving frames. The state survives reconnections: a camera that shows the frozen frame again is still frozen.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._fingerprint: int | None = None
        self._changed_at: float | None = None
        self._is_refreshed = False
        self.has_changed = True
        """Whether the newest frame differed from the one before it, even across a reconnection."""

    def is_frozen(self, fingerprint: Callable[[], int], now_seconds: float, *, is_refreshed: bool) -> bool:
        """Take the next frame; return whether the stream is frozen. `is_refreshed`: it follows a new keyframe."""
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
        """Restart the time in which a new connection must show a change."""
        self._changed_at = None


_EVERY = 4


def fingerprint(picture: av.VideoFrame) -> int:
    """Return a number that changes if one sixteenth of the frame's first plane changes; sensor noise is enough."""
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(rows[: picture.height : _EVERY, : picture.width : _EVERY]).data)
