"""The ASGI application that collects alerts into groups; all other requests pass through it to Django."""

import re
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from surveillance.event_streams.handoff import Application, Message, Receive, Send
from surveillance.intake.answers import Answer, Sent
from surveillance.intake.groups import Groups
from vigil_apps.web.request_metrics import Answered, count_request

PATH, VIEW = "/api/send-alert/", "send-alert"
LONGEST_BODY = 3 * 1024 * 1024
"""An image has at most 2 MB, and the fields a few kB."""
_FORM = re.compile(rb"^multipart/form-data; ?boundary=[A-Za-z0-9'_.\"+-]{1,72}$")


class AlertIntake:
    """An ASGI application around the one that answers all other requests.

    `work` returns a group's responses; None passes a request on to Django.
    """

    def __init__(self, application: Application, work: Callable[[Sequence[Sent]], Sequence[Answer | None]]) -> None:
        self._application = application
        self._groups = Groups(work)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if headers is None:
            await self._application(scope, receive, send)
            return
        began = perf_counter()
        messages = await _all(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        answer = None
        if len(body) == int(headers[b"content-length"]):
            answer = await self._groups.result(Sent(scope, headers[b"authorization"].split()[1], body))
        if answer is None:
            await self._application(scope, _again(messages, receive), send)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        seconds = perf_counter() - began
        count_request(Answered(VIEW, "POST", answer.is_secure, answer.status, len(body), len(answer.body), seconds))


def _headers(scope: Any) -> dict[bytes, bytes] | None:
    """Return the headers of a request that looks like a detector's alert; None passes the request on to Django.

    Cookies, repeated headers, and other kinds of bodies and tokens are left to Django.
    """
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
        return None
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or b"cookie" in headers:
        return None
    kind, *tokens = headers.get(b"authorization", b"").split() or [b""]
    if kind.lower() != b"token" or len(tokens) != 1 or not _FORM.match(headers.get(b"content-type", b"")):
        return None
    length = headers.get(b"content-length", b"")
    return headers if length.isdigit() and int(length) <= LONGEST_BODY else None


async def _all(receive: Receive) -> list[Message]:
    """Return the body's messages; the last one differs if the client has disconnected."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Return a `receive` that repeats the messages already received, then continues with new ones."""
    left = iter(messages)

    async def given() -> Message:
        for message in left:
            return message
        return await receive()

    return given
