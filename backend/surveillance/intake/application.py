"""The way of an alert's request: with others to the group that stores it, or past it to Django."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from django.conf import settings

from surveillance.intake.answers import Answer, Sent
from surveillance.intake.groups import Groups
from surveillance.stream.handoff import Application, Message, Receive, Send
from vigil_apps.web.request_metrics import Answered, count_request

PATH, VIEW = "/api/send-alert/", "send-alert"
LONGEST_BODY = 3 * 1024 * 1024
"""A picture has 2 MB at most, and the fields a few kB."""
_MOST_LOOKS = 64
_FORM = re.compile(rb"^multipart/form-data; ?boundary=[A-Za-z0-9'_.\"+-]{1,72}$")
_ACCEPTED = {b"", b"*/*", b"application/json"}

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Look:
    """All of a request that Django's middleware looks at: two that look alike are answered with the same headers."""

    scheme: str
    host: bytes
    accept: bytes
    forwarded_proto: bytes

    @property
    def is_secure(self) -> bool:
        """What `HttpRequest.is_secure` says."""
        trusted = settings.SECURE_PROXY_SSL_HEADER is not None
        return self.scheme == "https" or (trusted and self.forwarded_proto == b"https")


@dataclass(frozen=True, slots=True)
class _Request:
    look: _Look
    token: bytes
    content_type: str
    length: int


class AlertIntake:
    """An ASGI application around the one that answers all else.

    The first request of each look goes the whole way, which tells whether its host is served at all, and with which
    headers an answer goes out.
    """

    def __init__(self, application: Application, work: Callable[[Sequence[Sent]], Sequence[Answer | None]]) -> None:
        self._application = application
        self._groups = Groups(work)
        self._headers: dict[_Look, Headers] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        request = _plain(scope)
        if request is None:
            await self._application(scope, receive, send)
            return
        began = perf_counter()
        messages = await _all(receive)
        headers = self._headers.get(request.look)
        body = b"".join(message.get("body", b"") for message in messages)
        answer = None
        if headers is not None and len(body) == request.length:
            answer = await self._groups.result(Sent(request.token, request.content_type, body))
        if headers is None or answer is None:
            await self._application(scope, _again(messages, receive), self._learning(request.look, send))
            return
        length = (b"content-length", str(len(answer.body)).encode())
        await send({"type": "http.response.start", "status": answer.status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        seconds = perf_counter() - began
        is_secure = request.look.is_secure
        count_request(Answered(VIEW, "POST", is_secure, answer.status, len(body), len(answer.body), seconds))

    def _learning(self, look: _Look, send: Send) -> Send:
        """Notes the headers of an answer that says that the alert is stored."""

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {200, 201}:
                headers = [(name.lower(), value) for name, value in message["headers"]]
                if b"set-cookie" not in dict(headers):
                    if len(self._headers) >= _MOST_LOOKS:
                        self._headers.clear()
                    self._headers[look] = [(name, value) for name, value in headers if name != b"content-length"]
            await send(message)

        return watch


def _plain(scope: Any) -> _Request | None:
    """The request, if it is one as detectors send them, and nothing about it is out of the ordinary."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
        return None
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or b"cookie" in headers:
        return None
    kind, *tokens = headers.get(b"authorization", b"").split() or [b""]
    content_type, length = headers.get(b"content-type", b""), headers.get(b"content-length", b"")
    accept = headers.get(b"accept", b"")
    if kind.lower() != b"token" or len(tokens) != 1 or accept not in _ACCEPTED:
        return None
    if not _FORM.match(content_type) or not length.isdigit() or int(length) > LONGEST_BODY:
        return None
    look = _Look(scope["scheme"], headers.get(b"host", b""), accept, headers.get(b"x-forwarded-proto", b""))
    return _Request(look, tokens[0], content_type.decode(), int(length))


async def _all(receive: Receive) -> list[Message]:
    """The body's messages; the last is another one where the client has gone."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Gives the messages that were received already, and then those that come."""
    left = iter(messages)

    async def given() -> Message:
        for message in left:
            return message
        return await receive()

    return given
