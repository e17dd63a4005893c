"""Whether a camera's pictures get analysed: a model that hangs or fails again and again must not look like quiet."""

import threading
import time
from collections.abc import Callable

HUNG_SECONDS = 30.0
"""No model takes so long for one picture."""
FAILING_SECONDS = 10.0
"""One bad picture is nothing; when every picture fails for so long, nothing is watched any more."""


class WorkWatch:
    """Told by the analysing thread how it gets on; asked from another."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._busy_since: float | None = None
        self._failing_since: float | None = None
        self._error = ""

    def begin(self) -> None:
        """A picture is taken up."""
        with self._lock:
            self._busy_since = self._monotonic()

    def done(self) -> bool:
        """It was analysed; whether those before it had failed."""
        with self._lock:
            had_failed = self._failing_since is not None
            self._busy_since = self._failing_since = None
            return had_failed

    def failed(self, error: Exception) -> bool:
        """It could not be analysed; whether it is the first of a row."""
        with self._lock:
            is_first = self._failing_since is None
            self._busy_since, self._error = None, type(error).__name__
            if is_first:
                self._failing_since = self._monotonic()
            return is_first

    def trouble(self) -> str:
        """Why nothing is analysed, for a person; empty: all is well."""
        with self._lock:
            now = self._monotonic()
            if self._busy_since is not None and now - self._busy_since >= HUNG_SECONDS:
                return "the model does not answer"
            if self._failing_since is not None and now - self._failing_since >= FAILING_SECONDS:
                return f"the model fails with every picture: {self._error}"
            return ""
