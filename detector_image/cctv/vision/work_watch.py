"""Monitor the analysis of a camera's frames, so that a hanging or failing model does not look like a quiet scene."""

import threading
import time
from collections.abc import Callable

HUNG_SECONDS = 30.0
"""No model takes this long for one frame."""
FAILING_SECONDS = 10.0
"""A single failing frame is harmless. If every frame fails for this long, the camera is not analysed."""


class WorkWatch:
    """Updated by the analysis thread, read by another thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._busy_since: float | None = None
        self._failing_since: float | None = None
        self._error = ""

    def begin(self) -> None:
        """Record that the analysis of a frame begins."""
        with self._lock:
            self._busy_since = self._monotonic()

    def note_success(self) -> bool:
        """Record a success; return whether earlier frames had failed."""
        with self._lock:
            had_failed = self._failing_since is not None
            self._busy_since = self._failing_since = None
            return had_failed

    def note_failure(self, error: Exception) -> bool:
        """Record a failure; return whether it is the first of a series."""
        with self._lock:
            is_first = self._failing_since is None
            self._busy_since, self._error = None, type(error).__name__
            if is_first:
                self._failing_since = self._monotonic()
            return is_first

    def problem(self) -> str | None:
        """Return why frames are not analysed, for users; None if they are."""
        with self._lock:
            now = self._monotonic()
            if self._busy_since is not None and now - self._busy_since >= HUNG_SECONDS:
                return "the model does not answer"
            if self._failing_since is not None and now - self._failing_since >= FAILING_SECONDS:
                return f"the model fails with every frame: {self._error}"
            return None
