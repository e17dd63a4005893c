"""Fixtures of the backend in this process: Django's test client, a separate database, and test keys."""

import io
from collections.abc import Callable, Collection
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from surveillance.models import Alert, Camera
from vigil_apps.accounts import authentication
from vigil_apps.accounts.authentication import valid_tokens
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set, site_create
from vigil_apps.web import rate_limits

APPS = list(django_settings.INSTALLED_APPS)
"""For tests that commit: naming these apps makes Django truncate with CASCADE. PostgreSQL requires that, since a
table of knox, whose model ours replaces, refers to one of them."""

DATABASE_FIXTURES = {"db", "transactional_db"}

WEBHOOK = {"name": "Nights", "channel": "webhook", "target": {"url": "https://hooks.example/4f1c"}}
URL = "rtsp://root:Pa55word@camera.example:554/stream"


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the database: only these are repeated on PostgreSQL."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.get_closest_marker("django_db") or not DATABASE_FIXTURES.isdisjoint(fixtures):
            item.add_marker(pytest.mark.database)


@pytest.fixture(autouse=True)
def backend_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings behind a proxy that terminates TLS, with images in the test's directory."""
    settings.SECURE_SSL_REDIRECT = False
    rate_limits.forget()
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "surveillance.storages.DirectoryStorage",
            "OPTIONS": {"location": tmp_path / "media", "base_url": None},
        },
    }
    return settings


def remember_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look up each token once: for tests whose many requests change no token, and which are not about tokens.

    Finding the token takes half of the time of a request that is refused or answered from a cache.
    """
    found: dict[str, AuthToken] = {}

    def remembering(digests: Collection[str]) -> dict[str, AuthToken]:
        if missing := set(digests) - found.keys():
            found.update(valid_tokens(missing))
        return {digest: copy(found[digest]) for digest in digests if digest in found}

    monkeypatch.setattr(authentication, "valid_tokens", remembering)


@pytest.fixture
def remembered_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `remember_tokens`."""
    remember_tokens(monkeypatch)


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """Return the directory of the images. However full this machine's disk is, retention deletes nothing for it."""
    settings.VIGIL_MEDIA_MAX_USED_PERCENT = 100
    return tmp_path / "media"


def files_in(directory: Path) -> list[Path]:
    """Return every file below the directory."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Party:
    """A user or service with a client that sends its token."""

    user: User
    client: APIClient
    token: str


def client_with(token: str) -> APIClient:
    """Return a client that sends the token."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def party(user: User, scope: Scope = Scope.USER, camera: Camera | None = None) -> Party:
    """Return the user with a new token of that scope."""
    token = token_create(user=user, scope=scope, camera=camera)
    return Party(user, client_with(token), token)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """Return a function that creates users: `make_user("anna", is_superuser=True)`."""

    def make(username: str, **fields: Any) -> User:
        user = User(username=username, **fields)
        user.set_password("correct horse battery")
        user.save()
        return user

    return make


@pytest.fixture
def anna(make_user: Callable[..., User]) -> Party:
    """A user."""
    return party(make_user("anna"))


@pytest.fixture
def ben(make_user: Callable[..., User]) -> Party:
    """Another user."""
    return party(make_user("ben"))


@pytest.fixture
def root(make_user: Callable[..., User]) -> Party:
    """A superuser."""
    return party(make_user("root", is_superuser=True, is_staff=True))


@pytest.fixture
def camera(anna: Party) -> Camera:
    """Anna's active camera."""
    return Camera.objects.create(user=anna.user, name="Gate", rtsp_url=URL, is_active=True, group="yard")


@pytest.fixture
def site(camera: Camera) -> Site:
    """Anna's site with her camera; the users `viewer`, `site_operator` and `site_admin` are its members."""
    made = site_create(user=camera.user, name="Yard")
    Camera.objects.filter(pk=camera.pk).update(site=made)
    camera.refresh_from_db()
    return made


@pytest.fixture
def viewer(make_user: Callable[..., User], site: Site) -> Party:
    """A viewer in the site of Anna's camera."""
    return member(make_user("viewer"), site, Role.VIEWER)


@pytest.fixture
def site_operator(make_user: Callable[..., User], site: Site) -> Party:
    """A site operator of that site."""
    return member(make_user("site_operator"), site, Role.SITE_OPERATOR)


@pytest.fixture
def site_admin(make_user: Callable[..., User], site: Site) -> Party:
    """A site admin of that site."""
    return member(make_user("site_admin"), site, Role.ADMIN)


def member(user: User, site: Site, role: Role) -> Party:
    """Return the user as a member of the site, with a token."""
    member_set(site=site, user=user, role=role)
    return party(user)


@pytest.fixture
def detector(camera: Camera) -> Party:
    """The detector of Anna's camera."""
    return party(camera.user, Scope.DETECTOR, camera)


@pytest.fixture
def pipeline(make_user: Callable[..., User]) -> Party:
    """The standalone pipeline."""
    return party(make_user("pipeline"), Scope.PIPELINE)


@pytest.fixture
def operator(make_user: Callable[..., User]) -> Party:
    """The operator."""
    return party(make_user("operator"), Scope.CLUSTER_OPERATOR)


@pytest.fixture
def prober(make_user: Callable[..., User]) -> Party:
    """The prober of a cluster."""
    return party(make_user("prober"), Scope.PROBER)


def picture(width: int = 64, height: int = 48, *, format_name: str = "JPEG", **options: Any) -> bytes:
    """Return a small encoded image."""
    output = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(output, format=format_name, **options)
    return output.getvalue()


def alert_fields(camera: Camera, /, **changes: Any) -> dict[str, Any]:
    """Return the fields of a detector's alert, without the image."""
    fields = {
        "event_id": "event-0001",
        "camera": str(camera.pk),
        "alert_type": "person",
        "confidence": "0.87",
        "timestamp": "2026-11-23T12:00:00Z",
        "label": "person",
        "box": '{"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.9}',
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


@pytest.fixture
def alert(camera: Camera, detector: Party) -> Alert:
    """An alert of Anna's camera, with an image."""
    answer = send(detector, camera, image=picture())
    assert answer.status_code == 201, answer.content
    return Alert.objects.get()


def send(sender: Party, camera: Camera, /, *, image: bytes | str | None = None, **changes: Any) -> Any:
    """Send an alert as a detector does."""
    fields = alert_fields(camera, **changes)
    if isinstance(image, str):
        fields["image"] = image
    elif image is not None:
        file = io.BytesIO(image)
        file.name = "snapshot.jpg"
        fields["image"] = file
    return sender.client.post("/api/send-alert/", fields, format="multipart")
