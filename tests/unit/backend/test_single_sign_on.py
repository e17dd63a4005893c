"""Single sign-on by a proxy: only by its header, and only if enabled."""

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.test import Client
from pydantic import ValidationError

from surveillance_backend.environment import Environment

pytestmark = pytest.mark.django_db
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
PROXY_USER = "vigil_apps.accounts.single_sign_on.ProxyUserMiddleware"


@pytest.fixture
def proxied(settings: LazySettings) -> Client:
    """A browser behind a proxy, with `VIGIL_REMOTE_USER_HEADER=X-Forwarded-User`."""
    settings.VIGIL_REMOTE_USER_HEADER = "X-Forwarded-User"
    position = settings.MIDDLEWARE.index(AUTHENTICATION) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:position], PROXY_USER, *settings.MIDDLEWARE[position:]]
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "vigil_apps.accounts.single_sign_on.ProxyUserBackend",
    ]
    return Client()


def test_named_user_is_signed_in_and_isolated(proxied: Client) -> None:
    answer = proxied.get("/dashboard/", headers={"x-forwarded-user": "grace"})

    assert answer.status_code == 200
    grace = get_user_model().objects.get(username="grace")
    assert not grace.is_superuser
    assert not grace.has_usable_password()
    assert proxied.get("/api/cameras/", headers={"x-forwarded-user": "grace"}).json()["results"] == []


def test_missing_header_signs_the_user_out(proxied: Client) -> None:
    proxied.get("/dashboard/", headers={"x-forwarded-user": "grace"})

    answer = proxied.get("/dashboard/")

    assert (answer.status_code, answer["location"].split("?")[0]) == (302, "/dashboard/login/")


def test_changed_header_changes_the_user(proxied: Client) -> None:
    proxied.get("/dashboard/", headers={"x-forwarded-user": "grace"})
    proxied.get("/dashboard/", headers={"x-forwarded-user": "ada"})

    assert proxied.session["_auth_user_id"] == str(get_user_model().objects.get(username="ada").pk)


def test_header_is_ignored_by_default(client: Client) -> None:
    answer = client.get("/dashboard/", headers={"x-forwarded-user": "grace"})

    assert answer.status_code == 302
    assert not get_user_model().objects.filter(username="grace").exists()


def test_invalid_header_name_is_rejected() -> None:
    with pytest.raises(ValidationError, match="remote_user_header"):
        Environment(remote_user_header="X Forwarded: User")
