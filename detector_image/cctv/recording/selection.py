"""Decide which segments to keep in the modes `motion` and `alerts`: those around what happened. Pure.

Every segment is written; the ones that nothing needs are deleted some seconds later. So the seconds before a motion
cost no memory, and a killed process loses none of them.
"""

from collections import deque

from vigil_contracts.recording import RecordingMode, RecordingSettings

DECISION_SECONDS = 10.0
"""How much later than the video its motion or alert may be noticed: the analysis lags behind when it is busy."""
_MOST_PERIODS = 1000


class Selection:
    """The triggers of one camera, in seconds since 1970. Not thread-safe."""

    def __init__(self, settings: RecordingSettings) -> None:
        self._keeps_all = settings.mode is RecordingMode.CONTINUOUS
        self._before, self._after = settings.seconds_before, settings.seconds_after
        self._periods: deque[tuple[float, float]] = deque(maxlen=_MOST_PERIODS)
        """When something happened, from first to last; pauses that all segments span anyway are included."""

    def trigger(self, at: float) -> None:
        """Note that something happened."""
        if self._periods and at >= self._periods[-1][0] and at - self._periods[-1][1] <= self._after:
            begin, end = self._periods[-1]
            self._periods[-1] = begin, max(end, at)
        else:
            self._periods.append((at, at))

    def keeps(self, start: float, end: float, now: float) -> bool | None:
        """Return whether to keep the segment from `start` to `end`; None: that is not certain yet."""
        if self._keeps_all:
            return True
        if any(first - self._before <= end and start <= last + self._after for first, last in self._periods):
            return True
        return False if now > end + self._before + DECISION_SECONDS else None
