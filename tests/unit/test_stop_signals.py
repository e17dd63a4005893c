"""A second signal while the first one is handled ends a program, too: Ctrl-C twice, or `timeout make run`."""

import signal
import threading

import pytest

from vigil_contracts.stop_signals import stop_on_signals


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
def test_a_second_signal_does_not_wait_for_the_first() -> None:
    event = threading.Event()
    with stop_on_signals(event.set):
        signalled_twice(event)
        assert event.is_set()


def test_the_former_handlers_are_restored() -> None:
    former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) not in former
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == former
