"""Pauses that grow, and a mailbox in which the newest wins."""

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from cctv.common.backoff import Backoff
from cctv.common.mailbox import Mailbox


@given(st.integers(min_value=1, max_value=200))
def test_pauses_grow_from_one_second_to_sixty(failures: int) -> None:
    backoff = Backoff(1.0, 60.0)
    pauses = [backoff.next_seconds() for _ in range(failures)]

    assert 0.75 <= pauses[0] <= 1.25
    assert all(pause <= 60.0 for pause in pauses)
    assert all(pause >= 45.0 for pause in pauses[6:])

    backoff.reset()
    assert backoff.next_seconds() <= 1.25


def test_pauses_are_not_in_step() -> None:
    assert len({Backoff(1.0, 60.0).next_seconds() for _ in range(20)}) > 10


def test_the_newest_item_wins() -> None:
    mailbox: Mailbox[int] = Mailbox()

    assert not mailbox.put(1)
    assert mailbox.put(2)
    assert mailbox.take(0) == 2
    assert mailbox.take(0) is None


def test_closing_wakes_whoever_waits() -> None:
    mailbox: Mailbox[int] = Mailbox()
    began = time.monotonic()
    threading.Timer(0.05, mailbox.close).start()

    assert mailbox.take(timeout_seconds=30) is None
    assert time.monotonic() - began < 5
