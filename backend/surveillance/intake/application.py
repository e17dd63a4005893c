"""ASGI applications that answer alerts, and polls without news, in groups; other requests pass through to Django."""

import re
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from surveillance.event_streams.handoff import Application, Message, Receive, Send
from surveillance.intake.answers import Answer, Sent
from surveillance.intake.groups import Groups
from vigil_apps.web.request_metrics import Answered, count_request

PATH, VIEW = "/api/send-alert/", "send-alert"
POLL_PATH, POLL_VIEW = "/api/active-cameras/", "active-cameras"
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
        await _send_answer(answer, send)
        seconds = perf_counter() - began
        count_request(Answered(VIEW, "POST", answer.is_secure, answer.status, len(body), len(answer.body), seconds))


class UnchangedPolls:
    """An ASGI application around the one that answers all other requests: polls of the active cameras.

    `work` returns the responses of polls without news; None passes a request on to Django. Pipelines and operators
    poll every second or two, and Django's middleware would take three times as long as the answer.
    """

    def __init__(self, application: Application, work: Callable[[Sequence[Sent]], Sequence[Answer | None]]) -> None:
        self._application = application
        self._groups = Groups(work)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        token = _poll_token(scope)
        if token is None:
            await self._application(scope, receive, send)
            return
        began = perf_counter()
        answer = await self._groups.result(Sent(scope, token, b""))
        if answer is None:
            await self._application(scope, receive, send)
            return
        await _send_answer(answer, send)
        seconds = perf_counter() - began
        count_request(Answered(POLL_VIEW, "GET", answer.is_secure, answer.status, 0, len(answer.body), seconds))


async def _send_answer(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _headers(scope: Any) -> dict[bytes, bytes] | None:
    """Return the headers of a request that looks like a detector's alert; None passes the request on to Django.

    Cookies, repeated headers, and other kinds of bodies and tokens are left to Django.
    """
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
        return None
    headers = _unique_headers(scope)
    if _token_in(headers) is None or not _FORM.match(headers.get(b"content-type", b"")):
        return None
    length = headers.get(b"content-length", b"")
    return headers if length.isdigit() and int(length) <= LONGEST_BODY else None


def _poll_token(scope: Any) -> bytes | None:
    """Return the token of a poll that names the entity tag of its last answer; None passes the request on."""
    if scope["type"] != "http" or scope["path"] != POLL_PATH or scope["method"] != "GET":
        return None
    headers = _unique_headers(scope)
    if b"if-none-match" not in headers or headers.get(b"content-length", b"0") != b"0":
        return None
    return None if b"transfer-encoding" in headers else _token_in(headers)


def _unique_headers(scope: Any) -> dict[bytes, bytes]:
    """Return the headers; none if one is repeated or if there is a cookie."""
    headers = dict(scope["headers"])
    return {} if len(headers) != len(scope["headers"]) or b"cookie" in headers else headers


def _token_in(headers: Mapping[bytes, bytes]) -> bytes | None:
    kind, *tokens = headers.get(b"authorization", b"").split() or [b""]
    return tokens[0] if kind.lower() == b"token" and len(tokens) == 1 else None


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
