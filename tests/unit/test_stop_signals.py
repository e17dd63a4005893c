"""A second signal while the first one is handled ends a program, too: Ctrl-C twice, or `timeout make run`."""

import signal
import threading
from contextlib import AbstractContextManager

import pytest

from cctv.runtime.app import stop_on_signals
from vigil_standalone.run import _stop_on_signals


class Program:
    def __init__(self, event: threading.Event) -> None:
        self.stop = event.set


def signalled_twice(event: threading.Event) -> None:
    """Raise SIGTERM, and once more while the event holds its lock."""
    former = event._cond.notify_all  # type: ignore[attr-defined]  # where the lock is held

    def notify() -> None:
        event._cond.notify_all = former  # type: ignore[attr-defined]
        signal.raise_signal(signal.SIGTERM)
        former()

    event._cond.notify_all = notify  # type: ignore[attr-defined]
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.timeout(20)
def test_make_run_stops() -> None:
    with _stop_on_signals() as stop:
        signalled_twice(stop)
        assert stop.is_set()


@pytest.mark.timeout(20)
def test_detector_stops() -> None:
    event = threading.Event()
    stopping: AbstractContextManager[None] = stop_on_signals(Program(event))
    with stopping:
        signalled_twice(event)
        assert event.is_set()
