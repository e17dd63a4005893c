"""Take over a stream from Django after a view has checked the permissions.

The view returns the header `X-Vigil-Stream` and no body. Django then finishes the request and releases its thread and
database connection, and only a coroutine continues: a thousand idle viewers are a thousand coroutines.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from surveillance.event_streams.rights import Right, RightsWatch

HEADER = "X-Vigil-Stream"
KEEP_ALIVE_SECONDS = 15.0
MAX_AGE_SECONDS = 600.0
"""After this time the client must reconnect, so that streams spread over all processes again after a restart."""

PROXIED_SECONDS = 240.0
"""Maximum age of a browser's stream behind a proxy that signs users in. Only a new request passes the proxy again and
has the user's groups of now; no stream may depend on a removed group for longer than five minutes."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
_NAME = HEADER.lower().encode()


def handoff_response(kind: str, right: Right, value: str, content_type: str) -> HttpResponse:
    """Return a view's response that hands the stream of this kind over, valid while the right is held.

    `value` is for the stream handler only; clients do not see the header.
    """
    return HttpResponse(
        content_type=content_type,
        headers={
            HEADER: f"{kind} {right.as_text()} {value}",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


@dataclass(frozen=True, slots=True)
class Stream:
    """A request that was handed over: the view's response headers, and the connection to the client."""

    value: str
    headers: list[tuple[bytes, bytes]]
    send: Send

    async def start(self, status: int = 200, **headers: str) -> None:
        """Send the view's headers; `headers` (with `_` for `-`) override them."""
        own = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        kept = [(name, value) for name, value in self.headers if name.lower() not in own]
        await self.send({"type": "http.response.start", "status": status, "headers": [*kept, *own.items()]})

    async def write(self, content: bytes) -> None:
        """Send a part of the body; waits for a slow client."""
        await self.send({"type": "http.response.body", "body": content, "more_body": True})


Handler = Callable[[Stream], Coroutine[Any, Any, None]]
"""Calls `start`, then writes until the stream ends; cancelled when the client disconnects."""


class Handoff:
    """An ASGI application around Django's.

    `handlers`: the writer for each kind of stream. `session_seconds`: maximum age of streams of browser sessions.
    """

    def __init__(
        self,
        application: Application,
        handlers: Mapping[str, Handler],
        rights: RightsWatch | None = None,
        session_seconds: float | None = None,
    ) -> None:
        self._application = application
        self._handlers = handlers
        self._rights = rights or RightsWatch()
        self._session_seconds = session_seconds

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        taken: Message | None = None

        async def watch(message: Message) -> None:
            nonlocal taken
            if message["type"] == "http.response.start" and any(
                name.lower() == _NAME for name, _ in message["headers"]
            ):
                taken = message
            elif taken is None:
                await send(message)

        await self._application(scope, receive, watch)
        if taken is not None:
            await self._stream(taken, receive, send)

    async def _stream(self, start: Message, receive: Receive, send: Send) -> None:
        dropped = {_NAME, b"content-length"}
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in dropped]
        said = next(value for name, value in start["headers"] if name.lower() == _NAME).decode()
        kind, text, value = said.split(" ", 2)
        right = Right.from_text(text)
        ends = [_until_gone(receive), self._rights.until_lost(right)]
        if right.session and self._session_seconds is not None:
            ends.append(asyncio.sleep(self._session_seconds))
        tasks = [asyncio.create_task(one) for one in (self._handlers[kind](Stream(value, headers, send)), *ends)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
