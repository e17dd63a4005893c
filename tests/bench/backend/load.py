"""A load client with low CPU cost: prepared requests, plain sockets, keep-alive.

Client and server share the machine, so the client's CPU time is missing for the server.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Requests = Iterator[bytes]


@dataclass
class Answers:
    """Results: seconds of each request, and the count of each status."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    elapsed_seconds: float = 0.0

    def add(self, status: int, seconds: float) -> None:
        """Record one response."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.seconds.append(seconds)

    @property
    def per_second(self) -> float:
        """Return the responses per second."""
        return len(self.seconds) / self.elapsed_seconds

    @property
    def p95_ms(self) -> float:
        """Return the 95th percentile in milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[-1] * 1000

    @property
    def median_ms(self) -> float:
        """Return the median in milliseconds."""
        return statistics.median(self.seconds) * 1000


class Connection:
    """One connection; reopened when the server closes it, as gunicorn's sync workers do after each response."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body. Raises ConnectionError if a new connection fails, too."""
        is_fresh = self._writer is None
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            self._writer.write(request)
            return await self._answer()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.close()
            if is_fresh:
                raise ConnectionError(str(error)) from error
            return await self.ask(request)

    async def _answer(self) -> tuple[int, bytes]:
        assert self._reader is not None
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
        body = await self._reader.readexactly(int(headers.get(b"content-length", 0)))
        if headers.get(b"connection") == b"close":
            self.close()
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def get(path: str, token: str, **headers: str) -> bytes:
    """Return a GET as bytes; `if_none_match="…"` becomes `If-None-Match: …`."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Token {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def as_fast_as_possible(port: int, requests: Requests, *, connections: int, seconds: float) -> Answers:
    """Send the next request of each connection as soon as it is answered."""
    answers = Answers()

    async def one(ends_at: float) -> None:
        connection = Connection(port)
        while (began := time.perf_counter()) < ends_at:
            status, _ = await connection.ask(next(requests))
            answers.add(status, time.perf_counter() - began)
        connection.close()

    async def all_of_them() -> None:
        began = time.perf_counter()
        await asyncio.gather(*(one(began + seconds) for _ in range(connections)))
        answers.elapsed_seconds = time.perf_counter() - began

    asyncio.run(all_of_them())
    return answers


def at_rate(port: int, requests: Requests, *, per_second: float, connections: int, seconds: float) -> Answers:
    """Send requests at fixed times, regardless of open ones; latency counts from the scheduled time."""
    answers = Answers()
    due: asyncio.Queue[float] = asyncio.Queue()

    async def one() -> None:
        connection = Connection(port)
        while (was_due := await due.get()) >= 0:
            status, _ = await connection.ask(next(requests))
            answers.add(status, time.perf_counter() - was_due)
        connection.close()

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(connections)]
        began = time.perf_counter()
        for number in range(int(per_second * seconds)):
            at = began + number / per_second
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            due.put_nowait(at)
        for _ in tasks:
            due.put_nowait(-1.0)
        await asyncio.gather(*tasks)
        answers.elapsed_seconds = time.perf_counter() - began

    asyncio.run(all_of_them())
    return answers


def one_by_one(port: int, make: Callable[[int], bytes], *, count: int) -> Answers:
    """Send requests one by one on one connection, like a single user."""
    answers = Answers()

    async def ask() -> None:
        connection = Connection(port)
        began = time.perf_counter()
        for number in range(count):
            started = time.perf_counter()
            status, _ = await connection.ask(make(number))
            answers.add(status, time.perf_counter() - started)
        answers.elapsed_seconds = time.perf_counter() - began
        connection.close()

    asyncio.run(ask())
    return answers
