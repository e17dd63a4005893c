"""What `vigil run` prints: one line for each thing that happens, flushed at once, so that pipes see it too."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()


def say(line: str) -> None:
    """Prints a line by itself."""
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def say_for(part: str, line: str) -> None:
    """Prints a line that a part of Vigil has written."""
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
    """Says what is being done and, at the end, how long it took."""
    say(f"vigil: {what} …")
    began = time.monotonic()
    yield
    say(f"vigil: {what}: done in {time.monotonic() - began:.1f} s")
