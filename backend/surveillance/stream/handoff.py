"""Takes a stream over from Django once Django has said who may see what.

The view answers the header `X-Vigil-Stream` and no body. Here Django is left to finish, with its thread and its
connection to the database, and only a coroutine goes on: a thousand idle viewers are a thousand coroutines.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

from surveillance.stream.broadcaster import Broadcaster, Subscription
from surveillance.stream.events import Viewer, backlog

HEADER = "X-Vigil-Stream"
KEEP_ALIVE_SECONDS = 15.0
MAX_AGE_SECONDS = 600.0
"""Then the browser comes back by itself, and is asked again who it is: a token that was revoked ends here."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
_NAME = HEADER.lower().encode()


def header_value(viewer: Viewer) -> str:
    """What the view answers in `HEADER`."""
    last = "" if viewer.last_event_id is None else str(viewer.last_event_id)
    return f"{viewer.user_id}:{int(viewer.is_superuser)}:{last}"


def _viewer(value: bytes) -> Viewer:
    user_id, is_superuser, last = value.decode().split(":")
    return Viewer(int(user_id), is_superuser == "1", int(last) if last else None)


class EventStreams:
    """An ASGI application around Django's."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._broadcaster: Broadcaster | None = None

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
        headers = [
            (name, value) for name, value in start["headers"] if name.lower() not in {_NAME, b"content-length"}
        ]
        viewer = _viewer(next(value for name, value in start["headers"] if name.lower() == _NAME))
        if self._broadcaster is None:
            self._broadcaster = Broadcaster()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _write(send, b"retry: 2000\n\n")
        subscription = await self._broadcaster.subscribe(viewer)
        events = asyncio.create_task(_events(self._broadcaster, subscription, send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({events, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._broadcaster.unsubscribe(subscription)
            for task in (events, gone):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _events(broadcaster: Broadcaster, subscription: Subscription, send: Send) -> None:
    # Not all at the same time, so that they do not all come back at the same time.
    ends_at = time.monotonic() + MAX_AGE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 no secret
    after = subscription.viewer.last_event_id
    while after is not None and after < subscription.position:
        missed = await broadcaster.in_thread(
            partial(backlog, subscription.viewer, after=after, until=subscription.position)
        )
        for event in missed:
            await _write(send, event.content)
        after = missed[-1].alert_id if missed else None
    while time.monotonic() < ends_at and not subscription.is_behind:
        try:
            event = await asyncio.wait_for(subscription.queue.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            await _write(send, b": still here\n\n")
        else:
            await _write(send, event.content)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})
