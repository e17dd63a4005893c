"""Whether a camera is asked for its audio, and why what is stored of it has none."""

import logging
import time
from collections.abc import Callable

_AGAIN_SECONDS = 3600.0
"""How long audio is not requested again after a camera has refused it."""


class AudioRequests:
    """What one use of a camera's audio needs: its clips, or its recordings. Used by the thread that reads it."""

    def __init__(self, log: "logging.LoggerAdapter[logging.Logger]", use: str, is_on: Callable[[], bool]) -> None:
        """Prepare. `use`: what has the audio, in the plural; `is_on`: whether that is stored at all."""
        self._log, self._use, self._is_on = log, use, is_on
        self._problems: set[str] = set()
        self._problem = ""
        self._refused_at = float("-inf")

    @property
    def is_wanted(self) -> bool:
        """Return whether to request audio from the camera, if its settings include it."""
        return self._is_on() and time.monotonic() - self._refused_at > _AGAIN_SECONDS

    @property
    def problem(self) -> str:
        """Return why there is no audio; empty if there is, or if nothing is stored that could have it."""
        return self._problem if self._is_on() else ""

    def accept(self) -> None:
        """Note that there is audio to store."""
        self._problem = ""

    def report(self, problem: str) -> None:
        """Note and log why there is no audio."""
        self._problem = problem
        self.log(problem)

    def log(self, problem: str) -> None:
        """Log what is wrong with the audio, each problem only once, since it recurs with every connection."""
        if problem not in self._problems:
            self._problems.add(problem)
            self._log.warning("%s have no audio: %s", self._use, problem)

    def refuse(self, problem: str) -> None:
        """Stop requesting audio from the camera for a while, since it breaks the whole connection."""
        self._refused_at = time.monotonic()
        self.report(problem)
