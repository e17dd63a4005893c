"""Polls of the active cameras without news are answered as the view answers them, without Django's middleware."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from tests.unit.backend.conftest import Party, party

from surveillance.intake.answers import Answer, Sent, poll_answers
from surveillance.intake.application import UnchangedPolls
from surveillance.models import Camera
from surveillance.services.cameras import camera_set_active
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope

PATH = "/api/active-cameras/"


@pytest.fixture
def pipeline(camera: Camera) -> Party:
    return party(camera.user, Scope.PIPELINE)


def poll(sender: Party, etag: str, query: str = "", scheme: str = "http", host: str = "testserver") -> Sent:
    headers = {"host": host, "authorization": f"Token {sender.token}", "if-none-match": etag}
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": PATH, "query_string": query.encode()}
    scope |= {"scheme": scheme, "client": ("10.0.0.9", 40000)}
    scope["headers"] = [(name.encode(), text.encode()) for name, text in headers.items()]
    return Sent(scope, sender.token.encode(), b"")


def by_django(sender: Party, etag: str = "", query: str = "", *, secure: bool = False) -> Any:
    headers = {"authorization": f"Token {sender.token}"} | ({"if-none-match": etag} if etag else {})
    return Client().get(f"{PATH}?{query}" if query else PATH, secure=secure, headers=headers)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("query", ["", "group=gate"])
@pytest.mark.django_db
def test_poll_without_news_is_answered_like_by_django(pipeline: Party, query: str, scheme: str) -> None:
    is_secure = scheme == "https"
    etag = by_django(pipeline, query=query, secure=is_secure)["ETag"]
    (answer,) = poll_answers([poll(pipeline, etag, query, scheme)])
    assert answer is not None
    expected = by_django(pipeline, etag, query, secure=is_secure)
    assert answer.status == expected.status_code == 304
    assert {name.decode(): value.decode() for name, value in answer.headers} == dict(expected.items())
    assert answer.body == expected.content == b""


@pytest.mark.django_db
def test_polls_of_a_group_need_one_statement(camera: Camera, pipeline: Party, django_assert_num_queries: Any) -> None:
    """It reads the tokens and the version of the list."""
    sent = [poll(one, by_django(one)["ETag"]) for one in (pipeline, party(camera.user, Scope.USER))]
    assert None not in poll_answers(sent)
    with django_assert_num_queries(1):
        assert None not in poll_answers(sent)


@pytest.mark.django_db
def test_poll_with_a_revoked_token_is_djangos(pipeline: Party) -> None:
    sent = poll(pipeline, by_django(pipeline)["ETag"])
    assert poll_answers([sent]) != [None]
    AuthToken.objects.filter(user=pipeline.user).delete()
    assert poll_answers([sent]) == [None]
    assert by_django(pipeline).status_code == 401


@pytest.mark.django_db
def test_clusters_poll_names_the_cluster(camera: Camera) -> None:
    operator, query = party(camera.user, Scope.CLUSTER_OPERATOR), "cluster=north&identity=a1"
    etag = by_django(operator, query=query)["ETag"]
    (answer,) = poll_answers([poll(operator, etag, query)])
    assert answer is not None
    assert answer.status == 304
    assert poll_answers([poll(operator, etag)]) == [None], "without its cluster it asks for another list"


@pytest.mark.django_db
def test_polls_with_news_and_refused_ones_are_djangos(camera: Camera, pipeline: Party) -> None:
    etag = by_django(pipeline)["ETag"]
    detector = party(camera.user, Scope.DETECTOR, camera)
    stranger = replace(pipeline, token="0" * 64)
    given = [poll(detector, etag), poll(stranger, etag), poll(pipeline, etag, host="evil.example")]
    assert poll_answers(given) == [None, None, None]
    camera_set_active(camera=camera, is_active=not camera.is_active)
    assert poll_answers([poll(pipeline, etag)]) == [None]
    assert by_django(pipeline, etag).status_code == 200


class Inner:
    """Django, in whose place it counts requests."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[]"})


HEADERS = {"host": "testserver", "authorization": "Token abc", "if-none-match": '"1"'}


def ask(application: UnchangedPolls, **changes: Any) -> list[Any]:
    headers = {**HEADERS, **changes.pop("headers", {})}
    listed = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    listed += changes.pop("more_headers", [])
    scope = {"type": "http", "path": PATH, "method": "GET", "query_string": b"", "scheme": "http"}
    got: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Any) -> None:
        got.append(message)

    asyncio.run(application({**scope, "headers": listed, **changes}, receive, keep))
    return got


def unchanged(group: Sequence[Sent]) -> list[Answer | None]:
    return [Answer(304, [(b"etag", b"1")], b"", is_secure=False) for _ in group]


def test_unchanged_poll_is_sent_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    monkeypatch.setattr("surveillance.intake.application.count_request", counted.append)
    inner = Inner()
    start, body = ask(UnchangedPolls(inner, unchanged), query_string=b"group=gate")
    assert (start["status"], start["headers"], body["body"], inner.requests) == (304, [(b"etag", b"1")], b"", 0)
    assert [(one.view, one.method, one.status) for one in counted] == [("active-cameras", "GET", 304)]


def test_poll_with_news_goes_to_django() -> None:
    inner = Inner()
    assert ask(UnchangedPolls(inner, lambda group: [None for _ in group]))[1]["body"] == b"[]"
    assert inner.requests == 1


OTHER_REQUESTS: dict[str, dict[str, Any]] = {
    "no tag": {"headers": {"if-none-match": None}},
    "a session": {"headers": {"cookie": "sessionid=1"}},
    "another path": {"path": "/api/cameras/"},
    "another method": {"method": "HEAD"},
    "a body": {"headers": {"content-length": "2"}},
    "a stream": {"headers": {"transfer-encoding": "chunked"}},
    "no token": {"headers": {"authorization": None}},
    "a password": {"headers": {"authorization": "Basic abc"}},
    "two tokens": {"more_headers": [(b"authorization", b"Token def")]},
}


@pytest.mark.parametrize("changes", OTHER_REQUESTS.values(), ids=OTHER_REQUESTS)
def test_other_requests_go_to_django(changes: dict[str, Any]) -> None:
    inner = Inner()
    copied = {name: dict(value) if isinstance(value, dict) else value for name, value in changes.items()}
    ask(UnchangedPolls(inner, unchanged), **copied)
    assert inner.requests == 1
