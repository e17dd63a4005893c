"""A mailbox that keeps only the newest item."""

import threading
import time

from cctv.common.mailbox import Mailbox


def test_the_newest_item_wins() -> None:
    mailbox: Mailbox[int] = Mailbox()

    assert not mailbox.put(1)
    assert mailbox.put(2)
    assert mailbox.take(0) == 2
    assert mailbox.take(0) is None


def test_closing_wakes_waiting_threads() -> None:
    mailbox: Mailbox[int] = Mailbox()
    began = time.monotonic()
    threading.Timer(0.05, mailbox.close).start()

    assert mailbox.take(timeout_seconds=30) is None
    assert time.monotonic() - began < 5
