"""Notices that the wall clock was set: a detector's memory is in wall-clock time, since it outlives the process."""

from datetime import datetime, timedelta

STEP_SECONDS = 2.0
"""Less is a clock that is being slewed, or a picture that was stamped a moment late."""


class WallClock:
    """Compares the two times of a camera's pictures, of which only one can jump."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def step(self, now: datetime, monotonic_seconds: float) -> timedelta:
        """By how much the clock was set since the picture before; zero where it was not."""
        last, self._last = self._last, (now, monotonic_seconds)
        if last is None:
            return timedelta()
        step = (now - last[0]) - timedelta(seconds=monotonic_seconds - last[1])
        return step if abs(step.total_seconds()) >= STEP_SECONDS else timedelta()
