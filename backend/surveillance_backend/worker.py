"""gunicorn's worker."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn import Config, Server
from uvicorn.server import ServerState
from uvicorn_worker import UvicornWorker

Headers = list[tuple[bytes, bytes]]

NOTIFY_SECONDS = 15.0
"""Pause between two signs of life to gunicorn, which allows 60 s."""


class Worker(UvicornWorker):  # type: ignore[misc] # it has no types
    """uvicorn's worker with a server that sleeps while there is no request.

    It does not wait for open event streams when it ends.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {**UvicornWorker.CONFIG_KWARGS, "timeout_graceful_shutdown": 3}

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = QuietServer(self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class QuietServer(Server):
    """uvicorn's server without its ten ticks per second, which take more CPU time than all else of an idle backend.

    The ticks refresh the `Date` header, notify gunicorn, and notice the end. Here the header is made when a request
    needs it, and a signal wakes the loop.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.server_state = DatedState(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end; call `on_tick` now and then, which notifies gunicorn."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), NOTIFY_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the end (SIGTERM, SIGINT), and wake the loop for it."""
        super().handle_exit(signal.Signals(sig), frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ends.set)


class DatedState(ServerState):
    """uvicorn's state with default headers of the current second (RFC 9110, section 6.6.1)."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._config, self._clock = config, clock
        self._second, self._headers = 0, Headers()
        super().__init__()

    @property
    def default_headers(self) -> Headers:
        """Return the headers that each response begins with."""
        if (now := int(self._clock())) != self._second:
            date = [(b"date", formatdate(now, usegmt=True).encode())] if self._config.date_header else []
            self._second, self._headers = now, date + self._config.encoded_headers
        return self._headers

    @default_headers.setter
    def default_headers(self, _: Headers) -> None:
        """Ignore what the server's ticks set."""
