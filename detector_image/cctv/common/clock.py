"""Detect that the wall clock was set: a detector's state uses wall-clock times, since it outlives the process."""

from datetime import datetime, timedelta

STEP_SECONDS = 2.0
"""Smaller steps are clock slewing, or a frame with a slightly late time."""


class WallClock:
    """Compares the wall-clock and monotonic times of a camera's frames; only the wall clock can jump."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def step(self, now: datetime, monotonic_seconds: float) -> timedelta:
        """Return by how much the clock was set since the previous frame; usually zero."""
        last, self._last = self._last, (now, monotonic_seconds)
        if last is None:
            return timedelta()
        step = (now - last[0]) - timedelta(seconds=monotonic_seconds - last[1])
        return step if abs(step.total_seconds()) >= STEP_SECONDS else timedelta()
