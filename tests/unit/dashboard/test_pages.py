"""Responses of pages: constant number of queries, 304 when unchanged, and actions."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from surveillance.models import Alert, Camera
from surveillance.services.cameras import camera_create
from vigil_apps.dashboard.inbox import PAGE_SIZE
from vigil_apps.dashboard.views.overview import CAMERAS_SHOWN

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISTS = [f"/dashboard/{path}" for path in ("", "live/", "cameras/", "cameras/live/", "alerts/", "alerts/?state=all")]


def add_camera(user: User, name: str = "Gate") -> Camera:
    values = {"name": name, "rtsp_url": "rtsp://root:Pa55word@camera.example/1", "is_active": True}
    return camera_create(user=user, values=values)


def add_alerts(camera: Camera, count: int, *, first: int = 0, **fields: object) -> list[int]:
    rows = [
        Alert(
            camera=camera,
            event_id=f"event-{camera.pk}-{number}",
            confidence=0.9,
            **{"timestamp": NOW + timedelta(seconds=number), "alert_type": "person", **fields},
        )
        for number in range(first, first + count)
    ]
    return [alert.pk for alert in Alert.objects.bulk_create(rows)]


def queries_of(client: Client, path: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", LISTS)
def test_number_of_queries_does_not_depend_on_rows(client: Client, anna: User, path: str) -> None:
    add_alerts(add_camera(anna), 2)
    few = queries_of(client, path)
    for number in range(12):
        add_alerts(add_camera(anna, f"Camera {number}"), 10)
    assert queries_of(client, path) == few


def test_new_alerts_are_never_more_than_those_of_the_day(client: Client, anna: User) -> None:
    """The day's figure is shared for some seconds, the other one is not."""
    camera, stranger = add_camera(anna), add_camera(User.objects.create(username="stranger"))

    def figures() -> list[str]:
        page = client.get("/dashboard/").content.decode()
        found: dict[str, str] = dict(
            re.findall(r'figure-name">.*?</svg>([^<]+)</span>\s*<span class="figure-value">(\w+)', page, re.DOTALL)
        )
        return [found["New alerts"], found["Last 24 hours"]]

    now = datetime.now(UTC)
    add_alerts(camera, 9, timestamp=now)
    assert figures() == ["9", "9"]
    add_alerts(camera, 3, first=9, timestamp=now)
    add_alerts(stranger, 5, timestamp=now)
    assert figures() == ["12", "12"]
    add_alerts(camera, 1, first=12, timestamp=now - timedelta(days=2))
    assert figures() == ["13", "12"], "one is new, but not of today"


def test_overview_of_many_cameras_counts_all_and_lists_the_first(client: Client, anna: User) -> None:
    for number in range(CAMERAS_SHOWN):
        camera_create(user=anna, values={"name": f"Off {number}", "rtsp_url": "rtsp://camera.example/1"})
    assert "Show all cameras" not in client.get("/dashboard/").content.decode()
    add_alerts(add_camera(anna, "In trouble"), 1)
    page = client.get("/dashboard/").content.decode()
    assert page.count('class="camera-row') == CAMERAS_SHOWN
    assert f"{CAMERAS_SHOWN + 1} cameras in total" in page
    assert "Show all cameras" in page
    first = page[page.index('class="camera-row') :].partition("</a>")[0]
    assert "In trouble" in first
    assert '<span class="ago"><' in first, "with its newest alert"


@pytest.mark.parametrize("part", ["", "cameras/", "cameras/{camera}/"])
def test_unchanged_fragment_is_304(client: Client, anna: User, part: str) -> None:
    camera = add_camera(anna)
    path = f"/dashboard/{part.format(camera=camera.pk)}live/"
    first = client.get(path, headers={"HX-Request": "true"})
    headers = {"HX-Request": "true", "If-None-Match": first["ETag"]}
    again = client.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    add_alerts(camera, 1)
    cache.clear()
    assert client.get(path, headers=headers).status_code == 200


def test_no_page_contains_credentials(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    for path in (*LISTS, f"/dashboard/cameras/{camera.pk}/", f"/dashboard/cameras/{camera.pk}/edit/"):
        assert b"Pa55word" not in client.get(path).content
    answer = client.post("/dashboard/cameras/add/", {"name": "x", "rtsp_url": "http://root:Pa55word@host/"})
    assert answer.status_code == 422
    assert b"Pa55word" not in answer.content.replace(b'value="http://root:Pa55word@host/"', b"")


def test_inbox_pages_list_each_alert_once(client: Client, anna: User) -> None:
    ids = add_alerts(add_camera(anna), PAGE_SIZE * 2 + 5)
    seen: list[int] = []
    path: str | None = "/dashboard/alerts/?alert_type=person"
    while path is not None:
        page = client.get(path).context["page"]
        seen += [card.id for card in page.alerts]
        path = f"/dashboard/alerts/?alert_type=person&before={page.next_before}" if page.next_before else None
    assert seen == ids[::-1]


def test_new_alerts_match_time_and_filters(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    (old,) = add_alerts(camera, 1)
    path = f"/dashboard/alerts/new/?alert_type=fire&after={old}"
    add_alerts(camera, 1, first=1)
    assert client.get(path).status_code == 204
    (fire,) = add_alerts(camera, 1, first=2, alert_type="fire")
    assert [card.id for card in client.get(path).context["page"]["alerts"]] == [fire]


@pytest.mark.parametrize(
    "query", ["state=nonsense&camera=99&hours=x", "before=99999999999999999999", "before=x", "q=%00", "camera=-1"]
)
def test_invalid_filters_are_ignored(client: Client, query: str) -> None:
    assert client.get(f"/dashboard/alerts/?{query}").status_code == 200


def test_resolve_false_positive_and_undo(client: Client, anna: User) -> None:
    first, second = add_alerts(add_camera(anna), 2)
    client.post(f"/dashboard/alerts/{first}/resolve/")
    client.post(f"/dashboard/alerts/{second}/false-positive/")
    assert Alert.objects.get(pk=first).resolved
    judged = Alert.objects.get(pk=second)
    assert (judged.is_false_positive, judged.acknowledged) == (True, True)
    client.post("/dashboard/alerts/undo/", {"acknowledged": [first, second, "x", -1]})
    assert Alert.objects.get(pk=first).acknowledged, "what is resolved is not taken back with its acknowledgement"
    assert not Alert.objects.get(pk=second).acknowledged


def test_alert_page_shows_its_trigger(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    (alert_id,) = add_alerts(camera, 1, alert_type="loitering", rule="linger", zone="Gate", zone_seconds=61.6)
    for path in (f"/dashboard/alerts/{alert_id}/", f"/dashboard/alerts/{alert_id}/preview/"):
        why = client.get(path).content.decode().partition("data-why")[2].partition("</dl>")[0]
        facts = dict(re.findall(r"<dt>(.+?)</dt>\s*<dd>\s*(.+?)\s*</dd>", why))
        assert facts == {
            "Rule": "linger",
            "Confidence": "90 %",
            "Zone": "Gate",
            "Time in zone": "62 s",
        }
    assert "Gate (62 s)" in client.get("/dashboard/alerts/").content.decode()
    Alert.objects.update(zone_seconds=None)
    assert b"Time in zone" not in client.get(f"/dashboard/alerts/{alert_id}/").content


def test_comments_are_kept_and_shown_as_text(client: Client, anna: User) -> None:
    (alert_id,) = add_alerts(add_camera(anna), 1)
    for text in ("  ", "<b>The postman</b>\x00", "x" * 5000):
        assert client.post(f"/dashboard/alerts/{alert_id}/comment/", {"text": text}).status_code == 302
    stored = list(Alert.objects.get(pk=alert_id).comments.values_list("text", flat=True))
    assert stored == ["<b>The postman</b>", "x" * 2000]
    page = client.get(f"/dashboard/alerts/{alert_id}/").content
    assert b"&lt;b&gt;The postman&lt;/b&gt;" in page


def test_inaccessible_alert_is_not_changed(client: Client) -> None:
    (alert_id,) = add_alerts(add_camera(User.objects.create_user("ben")), 1)
    for action in ("acknowledge", "resolve", "false-positive", "comment"):
        answer = client.post(f"/dashboard/alerts/{alert_id}/{action}/", {"text": "x"})
        assert answer.status_code == 404, action
    client.post("/dashboard/alerts/acknowledge/", {"ids": [alert_id]})
    alert = Alert.objects.get(pk=alert_id)
    assert (alert.acknowledged, alert.resolved, alert.is_false_positive) == (False, False, False)
    assert not alert.comments.exists()


def test_error_page_needs_no_database(client: Client, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("vigil_apps.dashboard.views.alerts.selectors.open_alerts_count", broken)
    client.raise_request_exception = False
    answer = client.get("/dashboard/alerts/")
    assert answer.status_code == 500
    assert b"Something went wrong" in answer.content


def test_system_page_shows_bucket_or_free_disk_space(settings: Settings, db: None) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    on_disk = browser.get("/dashboard/settings/system/").content.decode()
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"s3_bucket": "pictures-of-ours"})
    in_bucket = browser.get("/dashboard/settings/system/").content.decode()
    assert (" GB" in on_disk, "pictures-of-ours" in on_disk) == (True, False)
    assert (" GB" in in_bucket, "pictures-of-ours" in in_bucket) == (False, True)


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({"Referer": "http://testserver/dashboard/cameras/1/?tab=x#top"}, "/dashboard/cameras/1/?tab=x"),
        ({"Referer": "https://evil.example/dashboard/"}, "/dashboard/"),
        ({"Referer": "http://[::bad"}, "/dashboard/"),
        ({}, "/dashboard/"),
        (
            {"HX-Request": "true", "HX-Current-URL": "http://testserver/dashboard/alerts/?state=all"},
            "/dashboard/alerts/?state=all",
        ),
        ({"HX-Request": "true", "HX-Current-URL": "https://evil.example/alerts/"}, "/dashboard/"),
        ({"HX-Request": "true"}, "/dashboard/"),
    ],
)
def test_a_form_whose_session_has_ended_leads_back_to_its_page(db: None, headers: dict[str, str], page: str) -> None:
    """The address of the form itself is no page: after the sign-in, the browser showed an empty one."""
    answer = Client().post("/dashboard/cameras/1/deactivate/", headers=headers)
    place = answer.headers.get("Location") or answer.headers["HX-Redirect"]
    assert (urlsplit(place).path, dict(parse_qsl(urlsplit(place).query))) == ("/dashboard/login/", {"next": page})


@pytest.mark.parametrize("path", ["/dashboard/cameras/1/delete/", "/dashboard/logout/", "/dashboard/alerts/undo/"])
def test_the_address_of_a_form_opened_as_a_page_says_so(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Allow"].split(", ")[0]) == (405, "POST")
    assert "This address only takes what a form sends. Nothing was changed." in answer.content.decode()
    german = client.get(path, headers={"Accept-Language": "de"}).content.decode()
    assert "Es wurde nichts geändert." in german
