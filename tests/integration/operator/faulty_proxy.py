"""A proxy between operator and API server that returns faults on request.

    proxy.script = answers(429, count=5, method="PATCH")    # the next five PATCH requests fail
    proxy.cut_watches(gone=True)                             # every open watch ends with "410 Gone"
    proxy.swallow = True                                     # watch events never arrive

It listens on loopback without TLS; the caller's token goes on to the real server, which checks rights as ever.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web
from tests.cluster.http import Access
from tests.cluster.processes import free_ports

Script = Callable[[str, str], int | None]
"""Maps method and path to the response status; None: the request passes."""

NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Request headers that are not forwarded. All others are, including repeated ones: kopf accepts several content
types."""
GONE = {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "too old resource version"}


def let_through(method: str, path: str) -> int | None:
    """Let every request pass."""
    return None


@dataclass
class Answers:
    """Rejects the next `count` matching requests."""

    status: int
    count: int
    method: str = "PATCH"
    contains: str = ""
    refused: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str) -> int | None:
        if method != self.method or self.contains not in path or len(self.refused) >= self.count:
            return None
        self.refused.append(path)
        return self.status


class FaultyProxy:
    """A proxy with its event loop in a separate thread."""

    def __init__(self, access: Access) -> None:
        (self.port,) = free_ports(1)
        self.script: Script = let_through
        self.swallow = False
        self.watches_begun = 0
        self._access = access
        self._loop = asyncio.new_event_loop()
        self._watches: set[asyncio.Queue[bytes | None]] = set()

    @contextmanager
    def running(self) -> Iterator[FaultyProxy]:
        thread = threading.Thread(target=self._run, name="faulty-proxy", daemon=True)
        ready = threading.Event()
        self._loop.call_soon(ready.set)
        thread.start()
        try:
            assert ready.wait(30)
            asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(30)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(30)
            self._loop.close()

    def kubeconfig(self, original: Path) -> Path:
        """Return a kubeconfig for the same user through this proxy."""
        document = yaml.safe_load(original.read_text())
        for entry in document["clusters"]:
            entry["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        path = original.with_name(f"proxied-{original.name}")
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
        return path

    def cut_watches(self, *, gone: bool = False) -> None:
        """End every watch; with `gone`, the server reports that its resource version is too old."""
        last = json.dumps({"type": "ERROR", "object": GONE}).encode() + b"\n" if gone else b""

        def cut() -> None:
            for queue in self._watches:
                if last:
                    queue.put_nowait(last)
                queue.put_nowait(None)

        self._loop.call_soon_threadsafe(cut)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _begin(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._access.context, limit=0)
        self._client = aiohttp.ClientSession(
            connector=connector, skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
        )
        application = web.Application(client_max_size=16 * 1024**2)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _end(self) -> None:
        for queue in self._watches:
            queue.put_nowait(None)
        await self._runner.cleanup()
        await self._client.close()
        await asyncio.sleep(0.25)  # aiohttp's documentation: TLS connections need a moment to close

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        status = self.script(request.method, request.path)
        if status is not None:
            body = {"kind": "Status", "code": status, "message": "made to fail"}
            return web.json_response(body, status=status, headers={"Retry-After": "1"})
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in NOT_PASSED_ON]
        url = f"{self._access.server}{request.path_qs}"
        timeout = aiohttp.ClientTimeout(total=None if "watch" in request.query else 60)
        try:
            async with self._client.request(
                request.method, url, headers=headers, data=await request.read() or None, timeout=timeout
            ) as answer:
                if "watch" in request.query and answer.status == 200:
                    return await self._watch(request, answer)
                passed = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
                return web.Response(status=answer.status, body=await answer.read(), headers=passed)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return web.Response(status=502)

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watches.add(queue)
        self.watches_begun += 1
        reader = asyncio.create_task(self._read(answer, queue))
        try:
            while (chunk := await queue.get()) is not None:
                await stream.write(chunk)
        except (ConnectionError, OSError):
            pass  # the client has disconnected, as kopf does when its version is too old
        finally:
            self._watches.discard(queue)
            reader.cancel()
        return stream

    async def _read(self, answer: aiohttp.ClientResponse, queue: asyncio.Queue[bytes | None]) -> None:
        with suppress(aiohttp.ClientError, OSError):
            async for chunk in answer.content.iter_any():
                if not self.swallow:
                    queue.put_nowait(chunk)
        queue.put_nowait(None)
