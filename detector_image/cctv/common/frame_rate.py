"""Limit a stream of frames to a rate."""


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
