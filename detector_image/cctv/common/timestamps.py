"""Compare a stream's timestamps with the times at which its frames arrive."""

_WINDOW_SECONDS = 5.0
_MOST_DEVIATION = 3.0


class TimestampCheck:
    """Detects timestamps that stand still or advance at the wrong rate, by comparing them with the arrival times."""

    def __init__(self) -> None:
        self._window: tuple[float, float] | None = None
        self._implausible_windows = 0
        self._is_reported = False

    def begin_stream(self) -> None:
        """Start over, because a new connection has another time base."""
        self._window, self._implausible_windows = None, 0

    def finds_nonsense(self, timestamp_seconds: float | None, now_seconds: float) -> bool:
        """Take a frame's timestamp and arrival time; return True once, as soon as it is certain.

        One jump is allowed (cameras set their clocks), and cameras first send buffered frames in a burst: two
        consecutive windows must be wrong.
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
    """Return whether timestamps can advance by so much while frames arrive for so long."""
    return elapsed_seconds / _MOST_DEVIATION <= advance_seconds <= elapsed_seconds * _MOST_DEVIATION
