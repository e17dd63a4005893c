"""The number of streams that a model sustains: pure except for the clock, so that a test can use a fake model."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

Submit = Callable[[], "Future[Any]"]

LATE_SHARE = 0.02
"""A stream is sustained if at most this fraction of its results arrives after the next frame."""


def is_sustained(submit: Submit, streams: int, frames_per_second: float, seconds: float) -> bool:
    """Return whether each of `streams` streams gets its result before its next frame; each has a thread."""
    late = [0] * streams
    each = round(seconds * frames_per_second)

    def watch(stream: int) -> None:
        interval = 1 / frames_per_second
        # Streams do not send at the same time.
        due = time.monotonic() + 0.2 + interval * stream / streams
        for _ in range(each):
            time.sleep(max(0.0, due - time.monotonic()))
            submit().result(timeout=60)
            due += interval
            late[stream] += time.monotonic() > due

    threads = [threading.Thread(target=watch, args=(stream,)) for stream in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(late) <= LATE_SHARE * streams * each


def most_streams(holds: Callable[[int], bool], most: int) -> int:
    """Return the largest sustained number up to `most`, by doubling and bisection."""
    good, bad = 0, most + 1
    candidate = 1
    while good + 1 < bad:
        if holds(candidate):
            good = candidate
            candidate = min(2 * good, most) if bad > most else (good + bad) // 2
        else:
            bad = candidate
            candidate = (good + bad) // 2
    return good
