"""Waiting for what another process does in its own time: poll with a deadline instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    probe: Callable[[], T], timeout_seconds: float = 30, what: str = "", *, poll_seconds: float = 0.1
) -> T:
    """Call `probe` until it returns something true and raises no AssertionError; return its result.

    Other exceptions are raised at once. Raises AssertionError at the deadline: the probe's own, or one that names
    `what` is missing or shows the last result.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        failure = None
        try:
            answer = probe()
        except AssertionError as error:
            failure = error
        else:
            if answer:
                return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {timeout_seconds:g} s: {what or f'still {answer!r}'}")
        time.sleep(poll_seconds)
