"""Limit a stream of frames to a rate."""


class FrameRateLimit:
    """Passes at most `frames_per_second` frames, evenly spaced, however they arrive."""

    def __init__(self, frames_per_second: float) -> None:
        self._interval = 1.0 / frames_per_second
        self._next_due = float("-inf")

    def is_due(self, now_seconds: float) -> bool:
        """Return whether to analyse the frame that arrived at `now_seconds`."""
        # Accept a frame up to a quarter of an interval early: the clocks of camera and host differ, and a rate that
        # divides the camera's would otherwise lose a frame with every slip.
        if now_seconds < self._next_due - self._interval / 4:
            return False
        self._next_due = max(self._next_due, now_seconds - self._interval / 2) + self._interval
        return True
