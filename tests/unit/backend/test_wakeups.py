"""Readers of this process are woken by a commit; those of other processes poll."""

import asyncio
import threading
import time

import pytest
from django.db import connections, transaction
from tests.unit.backend.conftest import APPS

from surveillance import wakeups
from surveillance.wakeups import Wakeup, poll_seconds

LONG_SECONDS = 30.0


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_wakeup_comes_with_the_commit_from_any_thread() -> None:
    wakeup = Wakeup()
    order: list[str] = []

    def write() -> None:
        with transaction.atomic():
            wakeup.announce_after_commit()
            time.sleep(0.05)
            order.append("committed")
        connections.close_all()

    async def read() -> None:
        with wakeup.listening() as news:
            await asyncio.gather(asyncio.to_thread(write), news.wait(LONG_SECONDS))
            order.append("woken")
            news.forget()
            await news.wait(0.01)
            order.append("not woken again")

    began = time.monotonic()
    asyncio.run(read())
    assert order == ["committed", "woken", "not woken again"]
    assert time.monotonic() - began < LONG_SECONDS


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_rolled_back_transaction_wakes_nobody() -> None:
    wakeup = Wakeup()

    async def read() -> bool:
        with wakeup.listening() as news:

            def write() -> None:
                with transaction.atomic():
                    wakeup.announce_after_commit()
                    transaction.set_rollback(True)
                connections.close_all()

            await asyncio.to_thread(write)
            began = time.monotonic()
            await news.wait(0.05)
            return time.monotonic() - began < 0.04

    assert not asyncio.run(read())


def test_announcement_before_the_wait_is_not_lost_and_an_ended_loop_is_no_error() -> None:
    wakeup = Wakeup()

    async def read() -> wakeups.Listener:
        with wakeup.listening() as news:
            wakeup.announce()
            began = time.monotonic()
            await news.wait(LONG_SECONDS)
            assert time.monotonic() - began < LONG_SECONDS
            return news

    asyncio.run(read()).wake()
    wakeup.announce()


def test_only_process_polls_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "_only_process", threading.Event())
    assert poll_seconds(0.25) == 0.25
    wakeups.mark_only_process()
    assert poll_seconds(0.25) == 5.0
