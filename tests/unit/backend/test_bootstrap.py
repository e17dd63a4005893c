"""`manage.py bootstrap`: create administrator and service tokens of a new installation from files, once."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope

TOKEN = "t" * 64
pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {"password": tmp_path / "password", "token": tmp_path / "token"}
    made["password"].write_text("a long password\n")
    made["token"].write_text(f"{TOKEN}\n")
    return made


def bootstrap(files: dict[str, Path], *more: str) -> str:
    said = StringIO()
    arguments = ["--admin-password-file", str(files["password"]), "--token", f"operator:kubernetes:{files['token']}"]
    call_command("bootstrap", *arguments, *more, stdout=StringIO(), stderr=said)
    return said.getvalue()


def test_creates_the_administrator_and_a_valid_token(files: dict[str, Path]) -> None:
    assert bootstrap(files).splitlines() == ["user admin created", "operator token kubernetes created"]

    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert user.check_password("a long password")
    token = AuthToken.objects.get()
    assert (token.scope, token.name, token.expiry) == (Scope.CLUSTER_OPERATOR, "kubernetes", None)
    client = APIClient(headers={"authorization": f"Token {TOKEN}"})
    assert client.get("/api/active-cameras/").status_code == 200


def test_second_run_changes_nothing_and_keeps_a_changed_password(files: dict[str, Path]) -> None:
    bootstrap(files)
    user = User.objects.get(username="admin")
    user.set_password("another long one")
    user.save()

    assert bootstrap(files) == "operator token kubernetes exists\n"
    assert AuthToken.objects.count() == 1
    user.refresh_from_db()
    assert user.check_password("another long one")


def test_new_token_replaces_the_old_one_after_a_grace_period(files: dict[str, Path]) -> None:
    bootstrap(files)
    files["token"].write_text("u" * 64)

    bootstrap(files)

    former, present = AuthToken.objects.order_by("created")
    assert former.expiry is not None
    assert present.expiry is None


@pytest.mark.parametrize(
    ("content", "words"),
    [("short", "40 or more"), ("x" * 30 + " " + "x" * 30, "without spaces"), ("", "is empty")],
)
def test_weak_token_is_rejected(files: dict[str, Path], content: str, words: str) -> None:
    files["token"].write_text(content)
    with pytest.raises(CommandError, match=words) as refused:
        bootstrap(files)
    assert "short" not in str(refused.value)
    assert not AuthToken.objects.exists()


def test_token_of_another_user_is_rejected(files: dict[str, Path]) -> None:
    bootstrap(files)
    with pytest.raises(CommandError, match="already in use"):
        bootstrap(files, "--admin", "other")


@pytest.mark.parametrize("text", ["detector:x:/y", "operator", "operator::/y", "operator:x:"])
def test_invalid_token_option_is_rejected(text: str) -> None:
    with pytest.raises(CommandError, match="must be SCOPE:NAME:FILE"):
        call_command("bootstrap", "--token", text)
