"""Reject large request bodies before Django reads them.

Django's ASGI handler spools the whole body to disk before it checks any limit, so a single client could fill the
disk. This wrapper counts while receiving.

The rest of a rejected body is read and discarded for a while: closing a socket with unread bytes resets it, and the
client would get a connection error instead of the response.
"""

import asyncio
import contextlib
from typing import Any, cast

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope

_BODY = b'{"detail":"The request is too long."}'
_LINGER_SECONDS = 5.0


class _TooLongError(Exception):
    pass


class BodyLimit:
    """An ASGI application around another: bodies over `max_bytes` are answered with 413."""

    def __init__(self, application: ASGI3Application, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_bytes:
            await _refuse(receive, send)
            return
        received = 0

        async def counted() -> ASGIReceiveEvent:
            nonlocal received
            event = await receive()
            if event["type"] == "http.request":
                received += len(event.get("body", b""))
                if received > self._max_bytes:
                    raise _TooLongError
            return event

        try:
            await self._application(scope, counted, send)
        except _TooLongError:
            await _refuse(receive, send)


async def _refuse(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"connection", b"close"),
    ]
    await send(cast("Any", {"type": "http.response.start", "status": 413, "headers": headers}))
    await send(cast("Any", {"type": "http.response.body", "body": _BODY, "more_body": True}))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            more = True
            while more:
                event = await receive()
                more = event["type"] == "http.request" and event.get("more_body", False)
    await send(cast("Any", {"type": "http.response.body", "body": b"", "more_body": False}))
