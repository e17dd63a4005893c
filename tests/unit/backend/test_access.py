"""Who may do what: every method of every path below `/api/`, for everybody who could ask.

The list of paths comes from the URL configuration: an endpoint without a row here fails the test.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party, party

from accounts.scopes import Scope
from surveillance.models import Alert, Camera

# Columns: nobody, another user, owner, superuser, this camera's detector, another's, the pipeline, the operator.
# A status below 300 stands for «let in»: what the request needs beyond the right is tested elsewhere.
COLUMNS = ("anonymous", "other", "owner", "superuser", "detector", "other_detector", "pipeline", "operator")
LET_IN = 0
ROWS: dict[tuple[str, str], tuple[int, ...]] = {
    ("POST", "token/"): (400,) * 8,
    ("GET", "schema/"): (LET_IN,) * 8,
    ("GET", "cameras/"): (401, LET_IN, LET_IN, LET_IN, 403, 403, 403, LET_IN),
    ("POST", "cameras/"): (401, 400, 400, 400, 403, 403, 403, 403),
    ("GET", "cameras/{camera}/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, LET_IN),
    ("PUT", "cameras/{camera}/"): (401, 404, 400, 400, 403, 403, 403, 403),
    ("PATCH", "cameras/{camera}/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("DELETE", "cameras/{camera}/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "cameras/{camera}/activate/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "cameras/{camera}/deactivate/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("GET", "cameras/{camera}/configuration/"): (401, 403, 403, 403, LET_IN, 404, 403, 403),
    ("POST", "cameras/{camera}/detector-token/"): (401, 403, 403, 403, 403, 403, 403, LET_IN),
    ("POST", "cameras/{camera}/heartbeat/"): (401, 403, 403, 403, 400, 404, 400, 403),
    ("GET", "active-cameras/"): (401, LET_IN, LET_IN, LET_IN, 403, 403, LET_IN, LET_IN),
    ("POST", "send-alert/"): (401, 403, 403, 403, 400, 400, 400, 403),
    ("GET", "alerts/"): (401, LET_IN, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "alerts/acknowledge/"): (401, 400, 400, 400, 403, 403, 403, 403),
    ("GET", "alerts/{alert}/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "alerts/{alert}/acknowledge/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "alerts/{alert}/resolve/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "alerts/{alert}/false-positive/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("DELETE", "alerts/{alert}/false-positive/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("GET", "alerts/{alert}/comments/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
    ("POST", "alerts/{alert}/comments/"): (401, 404, 400, 400, 403, 403, 403, 403),
    ("GET", "alerts/stream/"): (401, LET_IN, LET_IN, LET_IN, 403, 403, 403, 403),
    ("GET", "alerts/rules/"): (401, LET_IN, LET_IN, LET_IN, 403, 403, 403, 403),
    ("GET", "alerts/{alert}/image/"): (401, 404, LET_IN, LET_IN, 403, 403, 403, 403),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _patterns(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("api/"):
            yield path.removeprefix("api/"), entry.callback


def _endpoints() -> set[tuple[str, str]]:
    found = set()
    for path, view in _patterns(get_resolver().url_patterns):
        name = path.replace("<int:camera_id>", "{camera}").replace("<int:alert_id>", "{alert}")
        for method in METHODS:
            if inspect.isfunction(getattr(view.cls, method.lower(), None)):
                found.add((method, name))
    return found


def test_every_endpoint_has_its_row() -> None:
    assert _endpoints() == set(ROWS)


@pytest.fixture
def parties(
    anna: Party,
    ben: Party,
    root: Party,
    detector: Party,
    pipeline: Party,
    operator: Party,
) -> dict[str, APIClient]:
    other_camera = Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1", is_active=True)
    return {
        "anonymous": APIClient(),
        "other": ben.client,
        "owner": anna.client,
        "superuser": root.client,
        "detector": detector.client,
        "other_detector": party(ben.user, Scope.DETECTOR, other_camera).client,
        "pipeline": pipeline.client,
        "operator": operator.client,
    }


@pytest.mark.parametrize(("method", "path"), list(ROWS), ids=lambda value: str(value))
def test_access(parties: dict[str, APIClient], alert: Alert, method: str, path: str) -> None:
    for column, expected in zip(COLUMNS, ROWS[method, path], strict=True):
        url = "/api/" + path.format(camera=alert.camera_id, alert=alert.pk)
        before = (list(Camera.objects.values("id", "name", "is_active")), list(Alert.objects.values()))
        answer = getattr(parties[column], method.lower())(url)
        if expected == LET_IN:
            assert answer.status_code < 300, (column, answer.content)
        else:
            assert answer.status_code == expected, (column, answer.content)
            after = (list(Camera.objects.values("id", "name", "is_active")), list(Alert.objects.values()))
            assert before == after, column
        if (method, path) == ("DELETE", "cameras/{camera}/") and answer.status_code < 300:
            break  # the superuser's turn would find nothing left


@pytest.mark.parametrize(("method", "path"), list(ROWS), ids=lambda value: str(value))
def test_what_is_foreign_looks_like_what_does_not_exist(
    parties: dict[str, APIClient], alert: Alert, method: str, path: str
) -> None:
    if "{" not in path:
        return
    for column in ("other", "other_detector"):
        foreign = getattr(parties[column], method.lower())(
            "/api/" + path.format(camera=alert.camera_id, alert=alert.pk)
        )
        missing = getattr(parties[column], method.lower())("/api/" + path.format(camera=10**9, alert=10**9))
        assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content), column


@pytest.mark.parametrize("method", METHODS)
def test_methods_without_a_row_are_refused(parties: dict[str, APIClient], alert: Alert, method: str) -> None:
    for path in {path for _, path in ROWS}:
        if (method, path) in ROWS:
            continue
        url = "/api/" + path.format(camera=alert.camera_id, alert=alert.pk)
        for column, client in parties.items():
            assert getattr(client, method.lower())(url).status_code in {401, 403, 405}, (column, path)


def test_foreign_alert_is_not_stored(parties: dict[str, APIClient], camera: Camera) -> None:
    from tests.unit.backend.conftest import alert_fields

    for column, expected in (("other_detector", 404), ("operator", 403), ("owner", 403), ("anonymous", 401)):
        answer = parties[column].post("/api/send-alert/", alert_fields(camera), format="multipart")
        assert answer.status_code == expected, column
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "header", ["", "Token", "Token x", "Token x y", "Token \xff", "Bearer x", "Token " + "0" * 64]
)
def test_bad_header_is_401(db: None, header: str) -> None:
    answer = APIClient().get("/api/cameras/", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "detail" in answer.json()


def test_user_who_is_switched_off_is_out(anna: Party) -> None:
    User.objects.filter(pk=anna.user.pk).update(is_active=False)
    assert anna.client.get("/api/cameras/").status_code == 401


def test_browser_acts_as_its_user_and_needs_the_csrf_token(
    make_user: Callable[..., User], camera: Camera, anna: Party, ben: Party
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna.user)
    assert browser.get(f"/api/cameras/{camera.pk}/").status_code == 200
    refused = browser.post(f"/api/cameras/{camera.pk}/deactivate/")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    other = Client()
    other.force_login(ben.user)
    assert other.get(f"/api/cameras/{camera.pk}/").status_code == 404
