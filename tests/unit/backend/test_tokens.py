"""Tokens: created, shown once, hashed, expired; and the commands that create them."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party, client_with

from surveillance.models import Camera
from vigil_apps.accounts import authentication
from vigil_apps.accounts.authentication import digest_of, recent_valid_tokens
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import expired_tokens_delete, token_create


def test_token_by_password(make_user: Callable[..., User]) -> None:
    make_user("anna")
    answer = APIClient().post("/api/token/", {"username": "anna", "password": "correct horse battery"})
    assert answer.status_code == 200
    token = answer.json()["token"]
    assert client_with(token).get("/api/cameras/").status_code == 200
    stored = AuthToken.objects.get()
    assert stored.scope == Scope.USER
    assert stored.expiry is not None
    assert timedelta(days=89) < stored.expiry - timezone.now() <= timedelta(days=90)


def test_token_by_a_form(make_user: Callable[..., User]) -> None:
    make_user("anna")
    form = "username=anna&password=correct+horse+battery"
    answer = APIClient().post("/api/token/", form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200, answer.content
    assert client_with(answer.json()["token"]).get("/api/cameras/").status_code == 200


@pytest.mark.parametrize(("username", "password"), [("anna", "wrong"), ("nobody", "correct horse battery")])
def test_wrong_password_and_unknown_user_give_the_same_401(
    make_user: Callable[..., User], username: str, password: str
) -> None:
    make_user("anna")
    answer = APIClient().post("/api/token/", {"username": username, "password": password})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Incorrect user name or password."})
    assert not AuthToken.objects.exists()


def test_missing_password_is_named(db: None) -> None:
    answer = APIClient().post("/api/token/", {"username": "anna"})
    assert (answer.status_code, list(answer.json())) == (400, ["password"])


def test_tokens_are_stored_hashed(anna: Party) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_authtoken")
        rows = repr(cursor.fetchall())
    assert anna.token not in rows
    assert anna.token[16:] not in rows


def test_expired_token_is_rejected_and_deleted(anna: Party) -> None:
    AuthToken.objects.update(expiry=timezone.now())
    assert anna.client.get("/api/cameras/").status_code == 401
    assert expired_tokens_delete(now=timezone.now()) == 1
    assert not AuthToken.objects.exists()


def test_last_use_is_recorded_once_a_minute(anna: Party, django_assert_num_queries: Any) -> None:
    anna.client.get("/api/cameras/")
    first = AuthToken.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(2):
        anna.client.get("/api/cameras/")
    assert AuthToken.objects.get().last_used_at == first
    AuthToken.objects.update(last_used_at=first - timedelta(minutes=2))
    anna.client.get("/api/cameras/")
    noted = AuthToken.objects.get().last_used_at
    assert noted is not None
    assert noted >= first


def test_authentication_time_is_independent_of_the_token_count(anna: Party, django_assert_num_queries: Any) -> None:
    for _ in range(50):
        token_create(user=anna.user, scope=Scope.USER)
    anna.client.get("/api/cameras/")
    with django_assert_num_queries(2):
        anna.client.get("/api/cameras/")


@pytest.mark.parametrize(
    ("scope", "with_camera"), [(Scope.DETECTOR, False), (Scope.USER, True), (Scope.PIPELINE, True)]
)
def test_database_rejects_an_inconsistent_scope(camera: Camera, scope: Scope, with_camera: bool) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        token_create(user=camera.user, scope=scope, camera=camera if with_camera else None)


def test_command_prints_only_the_token(make_user: Callable[..., User]) -> None:
    make_user("anna")
    output = StringIO()
    call_command("create_token", "--user", "anna", "--scope", "pipeline", "--name", "yard", stdout=output)
    (token,) = output.getvalue().splitlines()
    assert client_with(token).get("/api/active-cameras/").status_code == 200
    stored = AuthToken.objects.get()
    assert (stored.scope, stored.name, stored.expiry) == ("pipeline", "yard", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--user", "nobody", "--scope", "user"), "no active user 'nobody'"),
        (("--user", "anna", "--scope", "detector"), "invalid choice"),
        (("--user", "anna", "--scope", "user", "--expires-days", "0"), "--expires-days: must be from 1 to 3650"),
        (("--user", "anna", "--scope", "user", "--expires-days", "99999999999"), "--expires-days: must be from 1"),
        (("--user", "anna", "--scope", "user", "--grace-minutes", "-1"), "--grace-minutes: must be from 0 to 43200"),
        (("--user", "anna", "--scope", "user", "--grace-minutes", "99999999999"), "--grace-minutes: must be from 0"),
        (("--user", "anna", "--scope", "user", "--name", "n" * 101), "--name: must have at most 100 characters"),
    ],
)
def test_command_reports_invalid_arguments(
    make_user: Callable[..., User], arguments: tuple[str, ...], words: str
) -> None:
    make_user("anna")
    with pytest.raises(CommandError, match=words):
        call_command("create_token", *arguments)
    assert not AuthToken.objects.exists()


def test_ensure_user_is_idempotent(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("first password\n")
    arguments = ("ensure_user", "--username", "admin", "--superuser")
    call_command(*arguments, "--password-file", str(file), stderr=StringIO())
    first = User.objects.get()
    assert first.is_superuser
    assert first.check_password("first password")
    call_command(*arguments, "--password-file", str(file), stderr=StringIO())
    assert User.objects.get().password == first.password, "sessions stay valid"
    monkeypatch.setenv("NEW", "second password")
    call_command(*arguments, "--password-env", "NEW", stderr=StringIO())
    assert User.objects.get().check_password("second password")


def test_ensure_user_requires_a_password(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("ensure_user", "--username", "a", "--password-file", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="empty"):
        call_command("ensure_user", "--username", "a", "--password-env", "NOT_SET_ANYWHERE")
    assert not User.objects.exists()


def recent(*parties: Party) -> dict[str, AuthToken]:
    return recent_valid_tokens({digest_of(one.token.encode()) for one in parties})


def test_recent_token_needs_one_short_query(anna: Party, ben: Party, django_assert_num_queries: Any) -> None:
    first = recent(anna, ben)
    assert {token.user.username for token in first.values()} == {"anna", "ben"}
    with django_assert_num_queries(1):
        again = recent(anna, ben)
    assert again == first
    assert all(again[digest] is token for digest, token in first.items())


def test_recent_token_loses_and_gains_rights_at_once(anna: Party, camera: Camera) -> None:
    (before,) = recent(anna).values()
    assert not before.user.is_superuser
    User.objects.filter(pk=anna.user.pk).update(is_superuser=True)
    (promoted,) = recent(anna).values()
    assert promoted.user.is_superuser
    AuthToken.objects.filter(pk=before.pk).update(scope=Scope.DETECTOR, camera=camera)
    (narrowed,) = recent(anna).values()
    assert (narrowed.scope, narrowed.camera_id) == (Scope.DETECTOR, camera.pk)
    AuthToken.objects.filter(pk=before.pk).update(expiry=timezone.now())
    assert recent(anna) == {}
    AuthToken.objects.filter(pk=before.pk).update(expiry=None)
    assert recent(anna)
    User.objects.filter(pk=anna.user.pk).update(is_active=False)
    assert recent(anna) == {}
    User.objects.filter(pk=anna.user.pk).update(is_active=True)
    AuthToken.objects.filter(pk=before.pk).delete()
    assert recent(anna) == {}
    assert recent_valid_tokens({""}) == {}


def test_use_of_a_recent_token_is_noted_each_minute(anna: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def last_used() -> Any:
        return AuthToken.objects.get().last_used_at

    recent(anna)
    first, now = last_used(), timezone.now()
    assert first is not None
    for seconds, is_noted in ((58, False), (61, True)):
        monkeypatch.setattr(
            "vigil_apps.accounts.authentication.timezone.now", lambda later=now + timedelta(seconds=seconds): later
        )
        recent(anna)
        assert (last_used() != first) == is_noted


def test_number_of_recent_tokens_is_limited(anna: Party, ben: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_RECENT", {})
    monkeypatch.setattr(authentication, "_MOST_RECENT", 1)
    recent(anna)
    assert len(recent(anna, ben)) == 2
    assert len(authentication._RECENT) == 1
