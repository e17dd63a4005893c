"""Receive live frames. Ten per second for each watched camera are too many to ask Django each time.

Django checks with the first frame whether the token may send for the camera. The result is valid for some seconds,
for this token and camera only; until then frames go directly from the socket to the viewers.
"""

import asyncio
import contextlib
import hashlib
import re
import time
from typing import Any

from surveillance.event_streams.handoff import HEADER, Application, Message, Receive, Send
from surveillance.live.hub import Hub
from vigil_contracts.detector_tasks import MAX_FRAME_BYTES
from vigil_contracts.masks_digest import HEADER as HEADER_MASKS
from vigil_contracts.masks_digest import LENGTH

VALID_SECONDS = 4.0
"""How long a detector whose token was revoked may continue to send."""
_PATH = re.compile(r"^/api/cameras/(\d{1,19})/frames/$")
_MASKS = HEADER_MASKS.lower().encode()
_DIGEST = re.compile(rb"[0-9a-f]{%d}" % LENGTH)
_NO_JPEG = b'{"detail":"The body must be a JPEG of at most 1 MB."}'


class FrameIntake:
    """An ASGI application around the one that hands over streams. `django` checks the permission."""

    def __init__(self, application: Application, hub: Hub, django: Application) -> None:
        self._application, self._django = application, django
        self._hub = hub
        self._permitted: dict[tuple[bytes, int], float] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        found = _PATH.match(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        who = (hashlib.sha256(headers.get(b"authorization", b"")).digest(), int(found[1]))
        jpeg = await _body(receive)
        now = time.monotonic()
        if self._permitted.get(who, 0.0) < now and not await self._is_permitted(scope, send, who):
            return
        if jpeg is None or jpeg[:3] != b"\xff\xd8\xff":
            await _answer(send, 400, _NO_JPEG)
            return
        await _answer(send, 204, b"")
        taken_at, masks = _timestamp(headers.get(b"x-timestamp", b"")), _masks(headers.get(_MASKS, b""))
        await self._hub.publish(int(found[1]), jpeg, taken_at, masks)

    async def _is_permitted(self, scope: Any, send: Send, who: tuple[bytes, int]) -> bool:
        """Return whether Django permits the request; if not, Django's response is sent."""
        is_permitted = False

        is_read = False

        async def nothing() -> Message:
            nonlocal is_read
            if is_read:
                await asyncio.Event().wait()  # the client is still connected; Django stops listening on its own
            is_read = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def watch(message: Message) -> None:
            nonlocal is_permitted
            if message["type"] == "http.response.start":
                is_permitted = (HEADER.lower().encode(), b"frames %d" % who[1]) in [
                    (name.lower(), value) for name, value in message["headers"]
                ]
            if not is_permitted:
                await send(message)

        kept = [(name, value) for name, value in scope["headers"] if name not in {b"content-length", b"content-type"}]
        await self._django({**scope, "headers": [*kept, (b"content-length", b"0")]}, nothing, watch)
        if is_permitted:
            now = time.monotonic()
            self._permitted = {known: until for known, until in self._permitted.items() if until > now}
            self._permitted[who] = now + VALID_SECONDS
        return is_permitted


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body; None if it is too long. Reads it to the end, so that the response arrives."""
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        length += len(message.get("body", b""))
        if length <= MAX_FRAME_BYTES:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if length <= MAX_FRAME_BYTES else None


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())] if body else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _masks(sent: bytes) -> str:
    """Return the digest of the masks with which the frame was taken; empty if it was taken without any."""
    return sent.decode() if _DIGEST.fullmatch(sent) else ""


def _timestamp(sent: bytes) -> float:
    """Return when the frame was taken; the current time if the header is missing."""
    with contextlib.suppress(ValueError):
        taken_at = float(sent.decode("ascii", "replace"))
        if abs(taken_at - time.time()) < 3600:
            return taken_at
    return time.time()
