"""How much of the API's time the list of cameras may take: short bursts at once, a quarter in the long run.

The list of ten thousand cameras takes the API a second or more. Someone who changes a few cameras must not wait for
that; while thousands of cameras keep changing, the API must have time for others.
"""

import time
from collections.abc import Callable

SHARE = 0.25
"""The part of the API's time that the answers may take in the long run."""

BURST_SECONDS = 8.0
"""Answers that may follow one another without a pause, after a quiet time."""


class AnswerBudget:
    """A token bucket of seconds. For one event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._credit_seconds = BURST_SECONDS
        self._counted_at = monotonic()

    def spend(self, seconds: float) -> None:
        """Count an answer that has just ended."""
        now = self._monotonic()
        earned = SHARE * (now - self._counted_at)
        self._credit_seconds = min(BURST_SECONDS, self._credit_seconds + earned) - seconds
        self._counted_at = now

    def pause_seconds(self) -> float:
        """Return how long the next request must wait, counted from the last answer."""
        return max(0.0, -self._credit_seconds / SHARE)
