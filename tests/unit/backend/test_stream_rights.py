"""Open streams end when their permission is lost; checks are batched."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.utils import ConnectionHandler
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.unit.backend.conftest import Party, party

from surveillance.event_streams import rights
from surveillance.event_streams.handoff import HEADER, Handoff, Stream
from surveillance.event_streams.rights import LostRights, Right, RightsWatch, database_stamp, lost_rights
from surveillance.models import Camera
from surveillance.services.cameras import camera_create, camera_delete, camera_set_active
from surveillance_backend.environment import sqlite_database
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.services import user_set_active
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_remove, member_set, site_create

MOST_QUERIES = 5


def _camera(owner: User, **values: Any) -> Camera:
    return camera_create(user=owner, values={"name": "Yard", "rtsp_url": "rtsp://10.0.0.7/1", **values})


def _right(answer: Any) -> Right:
    assert answer.status_code == 200, answer.content
    return Right.from_text(answer[HEADER].split(" ", 2)[1])


def _is_lost(right: Right) -> bool:
    return bool(lost_rights([right], timezone.now()))


@pytest.fixture
def by_token(anna: Party) -> Right:
    return _right(anna.client.get("/api/alerts/stream/"))


@pytest.fixture
def by_session(anna: Party) -> Right:
    browser = Client()
    browser.force_login(anna.user)
    return _right(browser.get("/api/alerts/stream/"))


def test_valid_rights_are_kept(by_token: Right, by_session: Right) -> None:
    assert by_token.token
    assert not by_token.session
    assert by_session.session
    assert lost_rights([by_token, by_session], timezone.now()) == set()


def test_revoked_token(anna: Party, by_token: Right, by_session: Right) -> None:
    other = _right(party(anna.user).client.get("/api/alerts/stream/"))
    anna.client.delete(f"/api/tokens/{by_token.token}/")
    assert lost_rights([by_token, by_session, other], timezone.now()) == {by_token}


def test_expired_token(by_token: Right) -> None:
    now = timezone.now()
    AuthToken.objects.filter(public_id=by_token.token).update(expiry=now + timedelta(seconds=60))
    assert lost_rights([by_token], now) == set()
    assert lost_rights([by_token], now + timedelta(seconds=61)) == {by_token}


def test_deactivated_account(anna: Party, by_token: Right, by_session: Right) -> None:
    user_set_active(user=anna.user, is_active=False)
    assert lost_rights([by_token, by_session], timezone.now()) == {by_token, by_session}


def test_deleted_account(anna: Party, by_token: Right, by_session: Right) -> None:
    anna.user.delete()
    assert lost_rights([by_token, by_session], timezone.now()) == {by_token, by_session}


def test_ended_session(by_session: Right, by_token: Right) -> None:
    Session.objects.all().delete()
    assert lost_rights([by_token, by_session], timezone.now()) == {by_session}


def test_session_of_an_old_password(anna: Party, by_session: Right, by_token: Right) -> None:
    anna.user.set_password("another horse battery")
    anna.user.save()
    assert lost_rights([by_token, by_session], timezone.now()) == {by_session}


def test_demoted_superuser(make_user: Callable[..., User]) -> None:
    root = party(make_user("root", is_superuser=True))
    right = _right(root.client.get("/api/alerts/stream/"))
    assert not _is_lost(right)
    User.objects.filter(pk=root.user.pk).update(is_superuser=False)
    assert _is_lost(right)


def test_live_view_of_an_inaccessible_camera(anna: Party, ben: Party) -> None:
    site = site_create(user=anna.user, name="Site")
    membership = member_set(site=site, user=ben.user, role=Role.VIEWER)
    camera = _camera(anna.user, site_id=site.pk, is_active=True)
    his, hers = (_right(one.client.get(f"/api/cameras/{camera.pk}/live/")) for one in (ben, anna))
    assert lost_rights([his, hers], timezone.now()) == set()
    member_remove(member=membership)
    assert lost_rights([his, hers], timezone.now()) == {his}
    camera_set_active(camera=camera, is_active=False)
    assert lost_rights([his, hers], timezone.now()) == {his, hers}


def test_tasks_of_a_deleted_camera(anna: Party) -> None:
    camera = _camera(anna.user)
    detector = party(anna.user, "detector", camera)  # type: ignore[arg-type]
    right = _right(detector.client.get("/api/errands/"))
    assert not _is_lost(right)
    camera_delete(camera=camera)
    assert _is_lost(right)


def test_five_hundred_streams_need_as_many_queries_as_one(anna: Party, by_token: Right, by_session: Right) -> None:
    camera = _camera(anna.user, site_id=site_create(user=anna.user, name="Site").pk, is_active=True)
    rights = {replace(right, camera_id=camera.pk) for right in (by_token, by_session)}
    rights |= {Right(number, token=f"00000000-0000-4000-8000-{number:012}") for number in range(10**6, 10**6 + 500)}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        lost = lost_rights(rights, timezone.now())
    assert len(lost) == 500
    assert len(queries) <= MOST_QUERIES, [query["sql"][:80] for query in queries]


def test_right_round_trips_as_text() -> None:
    for right in (Right(1, "t"), Right(2, "", "s", "m", needs_superuser=True), Right(3, "t", camera_id=4)):
        assert Right.from_text(right.as_text()) == right


class _Rights:
    """Replaces the database."""

    def __init__(self) -> None:
        self.lost: set[Right] = set()
        self.asked: list[list[Right]] = []
        self.fails = 0

    def __call__(self, rights: Collection[Right]) -> set[Right]:
        self.asked.append(list(rights))
        if self.fails:
            self.fails -= 1
            raise OSError("the database is away")
        return self.lost & set(rights)


async def _django(scope: Any, receive: Any, send: Any) -> None:
    header = f"ticks {scope['right'].as_text()} x".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(HEADER.lower().encode(), header)]})
    await send({"type": "http.response.body", "body": b""})


async def _ticks(stream: Stream) -> None:
    await stream.start()
    while True:
        await stream.write(b".")
        await asyncio.sleep(0.01)


class _Client:
    """One request that stays open."""

    def __init__(self, handoff: Handoff, right: Right) -> None:
        self.sent: list[Any] = []
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(handoff({"type": "http", "right": right}, self._receive, self._send))

    async def _receive(self) -> Any:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


def test_only_streams_of_a_lost_right_end() -> None:
    async def run() -> None:
        rights = _Rights()
        handoff = Handoff(_django, {"ticks": _ticks}, RightsWatch(rights, check_seconds=0.05))
        lost, kept = Right(1, token="lost"), Right(1, token="kept")
        first, second, other = (_Client(handoff, right) for right in (lost, lost, kept))
        await asyncio.sleep(0.2)
        assert not any(client.task.done() for client in (first, second, other))
        rights.lost, rights.fails = {lost}, 1  # a short database outage delays it
        await asyncio.wait_for(asyncio.gather(first.task, second.task), 5)
        assert first.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert not other.task.done()
        other.leave.set()
        await asyncio.wait_for(other.task, 5)
        count = len(rights.asked)
        await asyncio.sleep(0.3)
        assert len(rights.asked) <= count + 1, "nobody is asked about when no stream is open"

    asyncio.run(run())


def test_streams_of_sessions_end_in_time_behind_a_proxy_that_signs_users_in() -> None:
    async def run() -> None:
        handoff = Handoff(_django, {"ticks": _ticks}, RightsWatch(_Rights()), session_seconds=0.2)
        browser, program = _Client(handoff, Right(1, session="s")), _Client(handoff, Right(1, token="t"))
        await asyncio.wait_for(browser.task, 5)
        assert browser.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert not program.task.done(), "a token does not pass the proxy's sign-in"
        program.leave.set()
        await asyncio.wait_for(program.task, 5)

    asyncio.run(run())


async def _quiet(stream: Stream) -> None:
    await stream.start()
    await asyncio.Event().wait()


def test_rights_of_all_streams_are_checked_together() -> None:
    async def run() -> None:
        rights = _Rights()
        handoff = Handoff(_django, {"ticks": _quiet}, RightsWatch(rights, check_seconds=0.5))
        clients = [_Client(handoff, Right(number)) for number in range(500)]
        rights.lost = {Right(number) for number in range(500)}
        await asyncio.wait_for(asyncio.gather(*(client.task for client in clients)), 20)
        assert len(rights.asked) <= 2, "of those that began before the first question, and of the rest"

    asyncio.run(run())


def test_rights_are_read_again_only_after_a_write_a_new_stream_or_an_expiry(
    anna: Party, by_token: Right, by_session: Right, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = iter("aabccc")
    monkeypatch.setattr(rights, "close_old_connections", lambda: None)  # would end the test's transaction
    monkeypatch.setattr(rights, "database_stamp", lambda: next(stamps))
    find, queries = LostRights(), []
    for asked in ([by_token], [by_token], [by_token], [by_token], [by_token, by_session], [by_token, by_session]):
        with CaptureQueriesContext(connection) as context:
            assert find(asked) == set()
        queries.append(bool(context))
    assert queries == [True, False, True, True, True, False], "first, same, b, c, another stream, same"


def test_expiry_is_noticed_without_a_write(anna: Party, by_session: Right, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "close_old_connections", lambda: None)
    monkeypatch.setattr(rights, "database_stamp", lambda: "unchanged")
    find = LostRights()
    assert find([by_session]) == set()
    later = timezone.now() + timedelta(days=400)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert find([by_session]) == {by_session}


def test_stamp_of_sqlite_changes_with_the_commits_of_others(db: None, tmp_path: Path) -> None:
    settings = sqlite_database(tmp_path / "vigil.sqlite3")
    reader, writer = (ConnectionHandler({"default": dict(settings)})["default"] for _ in range(2))
    try:
        first = database_stamp(reader)
        assert first is not None
        assert database_stamp(reader) == first
        with writer.cursor() as cursor:
            cursor.execute("CREATE TABLE written (id INTEGER)")
        second = database_stamp(reader)
        assert second != first
        reader.close()
        assert database_stamp(reader) != second, "the numbers of two connections are not comparable"
    finally:
        reader.close()
        writer.close()
