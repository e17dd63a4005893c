"""Waiting for what a cluster does in its own time: poll with a deadline, never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, timeout_seconds: float = 30, poll_seconds: float = 0.1) -> T:
    """Calls `probe` until it answers something true and asserts nothing, and answers that.

    At the deadline the probe's own AssertionError is raised, or one that shows its last answer.
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
            raise failure or AssertionError(f"still {answer!r} after {timeout_seconds:g} s")
        time.sleep(poll_seconds)
