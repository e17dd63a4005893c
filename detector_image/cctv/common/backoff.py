"""Pauses between retries: exponential, with jitter, so that many clients do not retry in step."""

import random

_FACTOR = 2.0


class Backoff:
    """The pauses after consecutive failures: `first_seconds`, doubled up to `longest_seconds`, each ± 25 %."""

    def __init__(self, first_seconds: float = 1.0, longest_seconds: float = 60.0) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._failures = 0

    def next_seconds(self) -> float:
        """Return the pause after one more failure."""
        pause = min(self._longest, self._first * _FACTOR ** min(self._failures, 30))
        self._failures += 1
        return min(self._longest, pause * random.uniform(0.75, 1.25))  # noqa: S311

    def reset(self) -> None:
        """Start again with `first_seconds` after a success."""
        self._failures = 0
