"""Pauses between attempts: exponential, with jitter so that many clients do not retry in step."""

import random
from enum import Enum


class Jitter(Enum):
    """How far a pause may differ from its exponential value; the members are the smallest and the largest factor."""

    AROUND = (0.75, 1.25)
    """A quarter to either side, but never above the longest pause."""
    LATER = (1.0, 1.5)
    """Never sooner: for pauses that a server has asked for."""
    FULL = (0.0, 1.0)
    """Anywhere up to the exponential value: for many clients that failed at the same moment."""


def pause_seconds(
    failures: int,
    first_seconds: float,
    longest_seconds: float,
    *,
    jitter: Jitter = Jitter.AROUND,
    at_least_seconds: float = 0.0,
) -> float:
    """Return the pause after `failures` failures in a row, which is 1 or more.

    Before jitter it is `first_seconds`, doubled with each further failure up to `longest_seconds`, or
    `at_least_seconds` if that is more, such as the value of a `Retry-After` header.
    """
    exponential = min(longest_seconds, first_seconds * 2.0 ** min(failures - 1, 30))
    pause = max(at_least_seconds, exponential) * random.uniform(*jitter.value)  # noqa: S311
    return pause if jitter is Jitter.LATER else max(at_least_seconds, min(longest_seconds, pause))


class Backoff:
    """Counts failures in a row and says how long to pause after each; see `pause_seconds`. Not thread-safe."""

    def __init__(
        self, first_seconds: float = 1.0, longest_seconds: float = 60.0, *, jitter: Jitter = Jitter.AROUND
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._jitter = jitter
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def next_seconds(self, at_least_seconds: float = 0.0) -> float:
        """Count one more failure and return the pause after it."""
        self._failures += 1
        return pause_seconds(
            self._failures,
            self._first_seconds,
            self._longest_seconds,
            jitter=self._jitter,
            at_least_seconds=at_least_seconds,
        )

    def reset(self) -> None:
        """Count from zero again, after a success."""
        self._failures = 0
