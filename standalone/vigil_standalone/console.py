"""The output of `vigil run`: one line per event, flushed immediately for pipes."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()


def say(line: str) -> None:
    """Print a line of `vigil run`."""
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def say_for(part: str, line: str) -> None:
    """Print a line of one of Vigil's parts."""
    say(f"{part:>8} | {line}")


def is_journal() -> bool:
    """Return whether stdout leads to systemd's journal (`JOURNAL_STREAM`, systemd.exec(5))."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print a step and, at its end, how long it took."""
    say(f"vigil: {what} …")
    began = time.monotonic()
    yield
    say(f"vigil: {what}: done in {time.monotonic() - began:.1f} s")
