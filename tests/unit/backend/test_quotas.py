"""Quotas of users and sites: the last permitted object, the first rejected one, and the error message."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import APPS, URL, WEBHOOK, Party, party

from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera, ManagedBy
from surveillance.services.camera_import import ImportRefusedError, cameras_import
from surveillance.services.cameras import camera_create
from surveillance_backend.environment import QUOTAS, Environment
from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.notifications.models import Subscription
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set, site_create

LIMIT = 2
ZONE = {"name": "Gate", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
RULE = {"name": "People", "type": "object", "classes": ["person"]}


@pytest.fixture
def limited(settings: Settings) -> Callable[..., None]:
    """Sets one quota: `limited("cameras", "user")`."""

    def limit(things: str, holder: str = "user", to: int | None = LIMIT) -> None:
        settings.VIGIL_QUOTAS = {**settings.VIGIL_QUOTAS, (things, holder): to}

    return limit


def _camera(number: int, **fields: Any) -> dict[str, Any]:
    return {"name": f"Camera {number}", "rtsp_url": URL, **fields}


def _zones(number: int) -> list[dict[str, Any]]:
    return [{**ZONE, "name": f"Zone {one}"} for one in range(number)]


def _rules(number: int) -> list[dict[str, Any]]:
    return [{**RULE, "name": f"Rule {one}"} for one in range(number)]


MAKERS: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "cameras": ("/api/cameras/", _camera),
    "zones": ("/api/cameras/", lambda number: _camera(number, detection={"zones": _zones(1)})),
    "rules": ("/api/cameras/", lambda number: _camera(number, detection={"rules": _rules(1)})),
    "subscriptions": ("/api/notifications/", lambda number: {**WEBHOOK, "name": f"Nights {number}"}),
    "tokens": ("/api/tokens/", lambda number: {"name": f"script {number}"}),
    "sites": ("/api/sites/", lambda number: {"name": f"Site {number}"}),
}
FIELDS = {"zones": "detection.zones", "rules": "detection.rules"}


@pytest.mark.parametrize("things", MAKERS)
def test_exceeding_a_quota_names_the_setting(
    things: str, anna: Party, ben: Party, limited: Callable[..., None]
) -> None:
    path, body = MAKERS[things]
    present = 1 if things == "tokens" else 0  # that of the request itself
    limited(things)
    for number in range(LIMIT - present):
        assert anna.client.post(path, body(number), format="json").status_code == 201
    refused = anna.client.post(path, body(LIMIT), format="json")
    assert refused.status_code == 400, refused.content
    assert refused.json() == {
        FIELDS.get(things, "non_field_errors"): [
            f"This would exceed the limit of 2 {things} per user (VIGIL_MAX_{things.upper()}_PER_USER; 2 in use)."
            " Delete some, or ask an administrator to raise the limit."
        ]
    }
    assert ben.client.post(path, body(LIMIT), format="json").status_code == 201, "others have quotas of their own"
    limited(things, to=None)
    assert anna.client.post(path, body(LIMIT), format="json").status_code == 201


def test_password_login_respects_the_token_quota(anna: Party, limited: Callable[..., None]) -> None:
    limited("tokens", to=1)
    sent = {"username": anna.user.username, "password": "correct horse battery"}
    refused = anna.client.post("/api/token/", sent, format="json")
    assert (refused.status_code, list(refused.json())) == (400, ["non_field_errors"])
    AuthToken.objects.filter(user=anna.user).delete()
    anna.client.credentials()
    assert anna.client.post("/api/token/", sent, format="json").status_code == 200


def test_replacing_a_token_works_at_the_quota_and_only_once(anna: Party, limited: Callable[..., None]) -> None:
    limited("tokens", to=1)
    token = AuthToken.objects.get(user=anna.user)
    path = f"/api/tokens/{token.public_id}/rotate/"
    assert anna.client.post(path).status_code == 201
    assert anna.client.post(path).status_code == 400, "the former one is good for ten minutes, and could go on so"


def test_invitations(anna: Party, limited: Callable[..., None]) -> None:
    User.objects.filter(pk=anna.user.pk).update(is_superuser=True)
    limited("invitations", to=1)
    first = anna.client.post("/api/invitations/", {"name": "Eve"}, format="json")
    assert first.status_code == 201, first.content
    refused = anna.client.post("/api/invitations/", {"name": "Eve"}, format="json")
    assert refused.status_code == 400
    assert "VIGIL_MAX_INVITATIONS_PER_USER" in refused.content.decode()
    Invitation.objects.update(used_at=timezone.now())
    assert anna.client.post("/api/invitations/", {"name": "Eve"}, format="json").status_code == 201


@pytest.mark.parametrize("things", ["cameras", "zones", "rules"])
def test_a_sites_quota_counts_cameras_of_all_its_members(
    things: str, anna: Party, ben: Party, limited: Callable[..., None]
) -> None:
    site = site_create(user=anna.user, name="Harbour")
    member_set(site=site, user=ben.user, role=Role.ADMIN)
    limited(things, "site")
    _, body = MAKERS[things]
    for number, owner in enumerate((anna, ben)):
        assert owner.client.post("/api/cameras/", {**body(number), "site": site.pk}, format="json").status_code == 201
    elsewhere = ben.client.post("/api/cameras/", body(2), format="json")
    assert elsewhere.status_code == 201, "outside the site"
    for refused in (
        ben.client.post("/api/cameras/", {**body(3), "site": site.pk}, format="json"),
        ben.client.patch(f"/api/cameras/{elsewhere.json()['id']}/", {"site": site.pk}, format="json"),
    ):
        assert refused.status_code == 400
        field = FIELDS.get(things, "site")
        assert f"2 {things} per site (VIGIL_MAX_{things.upper()}_PER_SITE; 2 in use)" in refused.json()[field][0]


def test_user_above_a_lowered_quota_can_edit_and_delete(anna: Party, limited: Callable[..., None]) -> None:
    made = anna.client.post("/api/cameras/", _camera(1, detection={"zones": _zones(4)}), format="json").json()
    limited("zones")
    limited("cameras", to=1)
    path = f"/api/cameras/{made['id']}/"
    assert anna.client.patch(path, {"name": "Other"}, format="json").status_code == 200
    assert anna.client.patch(path, {"detection": {"zones": _zones(4)}}, format="json").status_code == 200
    assert anna.client.patch(path, {"detection": {"zones": _zones(3)}}, format="json").status_code == 200
    assert anna.client.patch(path, {"detection": {"zones": _zones(4)}}, format="json").status_code == 400


def test_an_import_above_the_quota_stores_nothing(anna: Party, limited: Callable[..., None]) -> None:
    limited("cameras")
    lines = "name,rtsp_url\n" + "".join(f"Camera {number},rtsp://10.0.0.{number}/1\n" for number in range(1, 4))
    with pytest.raises(ImportRefusedError, match="VIGIL_MAX_CAMERAS_PER_USER"):
        cameras_import(user=anna.user, content=lines.encode())
    assert not Camera.objects.exists()


def test_kubectl_cameras_count_but_are_not_rejected(anna: Party, limited: Callable[..., None]) -> None:
    limited("cameras", to=1)
    for number in range(2):
        camera_create(user=anna.user, values=_camera(number), managed_by=ManagedBy.KUBECTL)
    with pytest.raises(InvalidInputError, match="non_field_errors"):
        camera_create(user=anna.user, values=_camera(3))


@pytest.mark.parametrize("stored", [{}, {"zones": None}, {"zones": 7}, {"zones": "text"}])
def test_malformed_settings_count_as_zero(stored: dict[str, Any], anna: Party, limited: Callable[..., None]) -> None:
    camera = camera_create(user=anna.user, values=_camera(1))
    Camera.objects.filter(pk=camera.pk).update(detection=stored)
    limited("zones", to=1)
    answer = anna.client.post("/api/cameras/", _camera(2, detection={"zones": _zones(1)}), format="json")
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_invalid_settings_are_rejected(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_MAX_CAMERAS_PER_USER", value)
    with pytest.raises(ValueError, match="max_cameras_per_user"):
        Environment()


def test_every_quota_has_a_default_and_empty_means_unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(getattr(Environment(), field) >= 100 for field in QUOTAS.values())
    for field in QUOTAS.values():
        monkeypatch.setenv(f"VIGIL_{field.upper()}", "")
    assert {getattr(Environment(), field) for field in QUOTAS.values()} == {None}


@pytest.mark.django_db(transaction=True, available_apps=APPS)
@pytest.mark.parametrize("things", ["cameras", "subscriptions", "tokens", "sites"])
def test_parallel_requests_cannot_exceed_a_quota(
    things: str, make_user: Callable[..., User], limited: Callable[..., None]
) -> None:
    """Only on PostgreSQL; for SQLite see tests/integration/backend/test_quotas.py."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite in memory has one connection for all threads")
    anna = party(make_user("anna"))
    path, body = MAKERS[things]
    limited(things, to=5)
    statuses: list[int] = []
    begin = threading.Barrier(8)

    def ask(number: int) -> None:
        try:
            begin.wait(20)
            statuses.append(anna.client.post(path, body(number), format="json").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    models: dict[str, Any] = {"cameras": Camera, "subscriptions": Subscription, "tokens": AuthToken, "sites": Site}
    assert models[things].objects.count() == 5, statuses
    assert set(statuses) == {201, 400}
