"""gunicorn's worker: its server sleeps until a request or a signal."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
from uvicorn import Config

from surveillance_backend.worker import DatedState, QuietServer


async def _answer_nothing(scope: object, receive: object, send: object) -> None:
    """An application that receives no request."""


def _config() -> Config:
    config = Config(_answer_nothing, lifespan="off", log_config=None, server_header=False)
    config.load()
    return config


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timeout(10)
def test_signal_ends_the_server_between_two_ticks(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 0

    async def run() -> None:
        server = QuietServer(_config())
        count = server.on_tick

        async def on_tick(counter: int) -> bool:
            nonlocal ticks
            ticks += 1
            return await count(counter)

        monkeypatch.setattr(server, "on_tick", on_tick)
        # gunicorn's worker does the same for SIGQUIT, by which signals wake the loop.
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, lambda: None)
        asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), number)
        with _handled(server):
            await server.main_loop()

    asyncio.run(run())
    assert ticks == 2, "one at the start, and one that notices the end"


@contextlib.contextmanager
def _handled(server: QuietServer) -> Iterator[None]:
    """Install uvicorn's handlers, without the signal that its own context manager raises again at the end."""
    former = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def test_date_header_is_that_of_the_response() -> None:
    now = 0.0
    state = DatedState(_config(), lambda: now)
    for now in (1_800_000_000.9, 1_800_000_001.0, 1_800_003_600.0):
        state.default_headers = []  # as the server's ticks do
        dates = [value.decode() for name, value in state.default_headers if name == b"date"]
        assert [parsedate_to_datetime(date).timestamp() for date in dates] == [int(now)]
