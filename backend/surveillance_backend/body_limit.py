"""Refuses long request bodies before Django reads them.

Django's ASGI handler spools a whole body to disk before any of its limits is looked at, so one client could fill the
disk. This wrapper counts on the way in.

The rest of a refused body is read and dropped for a while: a socket that is closed with bytes unread is reset, and
the client would see a broken connection instead of the answer.
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
