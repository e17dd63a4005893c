"""Permissions: every page and button of the dashboard for every role.

The list of paths comes from the URL configuration: a page without a row fails the test.
"""

import re

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern

from surveillance.models import Alert, Camera
from surveillance.services.holds import hold_alert
from vigil_apps.dashboard.urls import urlpatterns
from vigil_apps.evidence.models import Case
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set, site_create

COLUMNS = ("anonymous", "other", "viewer", "site_operator", "site_admin", "owner", "superuser")
Row = tuple[int, ...]
OK = 0
OPEN: Row = (OK,) * 7
SIGNED_IN: Row = (302, OK, OK, OK, OK, OK, OK)
SEE: Row = (302, 404, OK, OK, OK, OK, OK)
HANDLE: Row = (302, 404, 403, OK, OK, OK, OK)
ADMINISTER: Row = (302, 404, 403, 403, OK, OK, OK)
ADMINS_ANYWHERE: Row = (302, 403, 403, 403, OK, OK, OK)  # the owner made the site, and so is its admin
CASE: Row = (302, 404, 404, 404, 404, OK, OK)  # its owner, members and superusers
SUPERUSERS: Row = (302, 403, 403, 403, 403, 403, OK)
ROWS: dict[str, tuple[str, Row]] = {
    "overview": ("GET", SIGNED_IN),
    "overview-live": ("GET", SIGNED_IN),
    "service-worker": ("GET", OPEN),
    "manifest": ("GET", OPEN),
    "offline": ("GET", OPEN),
    "login": ("GET", OPEN),
    "logout": ("POST", OPEN),
    "cameras": ("GET", SIGNED_IN),
    "cameras-live": ("GET", SIGNED_IN),
    "camera-add": ("GET", SIGNED_IN),
    "camera-import": ("GET", SIGNED_IN),
    "camera": ("GET", SEE),
    "camera-live": ("GET", SEE),
    "camera-recordings": ("GET", SEE),
    "camera-edit": ("GET", ADMINISTER),
    "camera-rules": ("GET", ADMINISTER),
    "camera-rules-preview": ("POST", ADMINISTER),
    "camera-rules-save": ("POST", (302, 404, 403, 403, 409, 409, 409)),  # without the version that was edited
    "camera-activate": ("POST", HANDLE),
    "camera-deactivate": ("POST", HANDLE),
    "camera-delete": ("POST", ADMINISTER),
    "statistics": ("GET", SIGNED_IN),
    "settings-sites": ("GET", SIGNED_IN),
    "settings-notifications": ("GET", SIGNED_IN),
    "settings-tokens": ("GET", SIGNED_IN),
    "settings-holds": ("GET", SIGNED_IN),
    "cases": ("GET", SIGNED_IN),
    "case": ("GET", CASE),
    "case-exports": ("GET", CASE),
    "settings-security": ("GET", SIGNED_IN),
    "settings-security-dismiss": ("POST", SIGNED_IN),
    "settings-second-factor": ("POST", SUPERUSERS),
    "factors-reset": ("POST", SUPERUSERS),
    "settings-people": ("GET", ADMINS_ANYWHERE),
    "settings-person-switch": ("POST", SUPERUSERS),
    "settings-identities": ("GET", SIGNED_IN),
    "identity-disconnect": ("POST", (302, 404, 404, 404, 404, 404, 404)),  # only the user's own; here nobody has one
    "settings-groups": ("GET", SUPERUSERS),
    "settings-audit": ("GET", ADMINS_ANYWHERE),
    "settings-home_assistant": ("GET", SUPERUSERS),
    "settings-system": ("GET", SUPERUSERS),
    "alerts": ("GET", SIGNED_IN),
    "alerts-new": ("GET", SIGNED_IN),
    "alerts-undo": ("POST", SIGNED_IN),
    "alerts-acknowledge": ("POST", SIGNED_IN),
    "alerts-resolve": ("POST", SIGNED_IN),
    "alerts-false-positive": ("POST", SIGNED_IN),
    "alert": ("GET", SEE),
    "alert-preview": ("GET", SEE),
    "alert-thumbnail": ("GET", (302, 404, 404, 404, 404, 404, 404)),  # it has no image here
    "alert-resolve": ("POST", HANDLE),
    "alert-false-positive": ("POST", HANDLE),
    "alert-comment": ("POST", HANDLE),
    "alert-acknowledge": ("POST", HANDLE),
}


def test_every_page_has_a_row() -> None:
    assert {str(pattern.name) for pattern in urlpatterns} == set(ROWS)


@pytest.fixture
def camera(anna: User) -> Camera:
    site = site_create(user=anna, name="Yard")
    for role in Role:
        member_set(site=site, user=User.objects.create_user(f"site_{role.value}"), role=role)
    User.objects.create_user("other")
    User.objects.create_superuser("root")
    return Camera.objects.create(user=anna, name="Gate", rtsp_url="rtsp://u:p@192.0.2.9/1", is_active=True, site=site)


@pytest.fixture
def alert(camera: Camera) -> Alert:
    return Alert.objects.create(
        camera=camera,
        event_id="event-0001",
        alert_type="person",
        confidence=0.9,
        timestamp=camera.created_at,
    )


NAMES = {"viewer": "site_viewer", "owner": "anna", "superuser": "root"}


def _browser(column: str) -> Client:
    browser = Client()
    if column != "anonymous":
        browser.force_login(User.objects.get(username=NAMES.get(column, column)))
    return browser


def _path(pattern: URLPattern, camera: Camera, alert: Alert) -> str:
    case = Case.objects.get_or_create(owner_id=camera.user_id, title="Break-in")[0]
    ids = {"account": 1, "case": case.pk, "camera": camera.pk, "alert": alert.pk, "user": camera.user_id}
    return "/dashboard/" + re.sub(r"<int:(\w+)_id>", lambda found: str(ids[found[1]]), str(pattern.pattern))


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
def test_access(camera: Camera, alert: Alert, pattern: URLPattern) -> None:
    method, row = ROWS[str(pattern.name)]
    path = _path(pattern, camera, alert)
    before = (list(Camera.objects.values()), list(Alert.objects.values()))
    for column, expected in zip(COLUMNS, row, strict=True):
        with transaction.atomic():
            answer = getattr(_browser(column), method.lower())(path)
            if expected == OK:
                assert answer.status_code < 400, (column, answer.content)
                assert not answer.headers.get("Location", "").startswith("/dashboard/login/?"), column
            else:
                assert answer.status_code == expected, (column, answer.content)
                assert (list(Camera.objects.values()), list(Alert.objects.values())) == before, column
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("column", "switches", "edits"),
    [("viewer", False, False), ("site_operator", True, False), ("site_admin", True, True), ("owner", True, True)],
)
def test_page_offers_what_the_role_allows(
    camera: Camera, alert: Alert, column: str, switches: bool, edits: bool
) -> None:
    page = _browser(column).get(f"/dashboard/cameras/{camera.pk}/").content.decode()
    assert (f"/dashboard/cameras/{camera.pk}/deactivate/" in page) is switches
    assert (f"/dashboard/cameras/{camera.pk}/edit/" in page) is edits
    assert "kubectl" not in page
    shown = _browser(column).get(f"/dashboard/alerts/{alert.pk}/").content.decode()
    assert (f"/dashboard/alerts/{alert.pk}/resolve/" in shown) is switches
    assert (f"/dashboard/alerts/{alert.pk}/comment/" in shown) is switches


@pytest.mark.parametrize(
    ("column", "places", "lifts"),
    [("viewer", False, False), ("site_operator", True, False), ("site_admin", True, True), ("owner", True, True)],
)
def test_legal_holds_are_shown_and_offered_by_role(
    camera: Camera, alert: Alert, column: str, places: bool, lifts: bool
) -> None:
    browser = _browser(column)
    pages = [f"/dashboard/alerts/{alert.pk}/", f"/dashboard/cameras/{camera.pk}/recordings/"]
    offer = f"/dashboard/settings/holds/?alert={alert.pk}"
    assert (offer in browser.get(pages[0]).content.decode()) is places
    assert ("POST /api/holds/" in browser.get(offer).content.decode()) is places
    hold = hold_alert(alert=alert, reason="Police report 4711", user=camera.user)
    for path in pages:
        shown = browser.get(path).content.decode()
        assert "Police report 4711" in shown, path
        assert offer not in shown
    listed = browser.get(f"/dashboard/settings/holds/?camera={camera.pk}").content.decode()
    assert "Police report 4711" in listed
    assert (f"POST /api/holds/{hold.pk}/lift/" in listed) is lifts
    assert "Police report 4711" not in browser.get("/dashboard/settings/holds/?camera=999999").content.decode()
    assert "Police report 4711" not in _browser("other").get("/dashboard/settings/holds/").content.decode()


def test_site_admin_cannot_move_a_camera_by_form(camera: Camera) -> None:
    browser = _browser("site_admin")
    form = {"name": "Renamed", "rtsp_url": "rtsp://***@192.0.2.9/1", "transport": "tcp"}
    form |= {"minimum_confidence": "0.5", "frames_per_second": "5"}
    assert browser.post(f"/dashboard/cameras/{camera.pk}/edit/", form).status_code == 302
    before = camera.site_id
    camera.refresh_from_db()
    assert (camera.name, camera.site_id) == ("Renamed", before)


def test_owner_moves_a_camera_into_and_out_of_a_site(camera: Camera) -> None:
    owner, path = _browser("owner"), f"/dashboard/cameras/{camera.pk}/edit/"
    mine = site_create(user=camera.user, name="Dock")
    foreign = site_create(user=User.objects.get(username="other"), name="Foreign")
    form = {"name": "Gate", "rtsp_url": "rtsp://***@192.0.2.9/1", "transport": "tcp", "minimum_confidence": "0.5"}
    form["frames_per_second"] = "5"
    page = owner.get(path).content.decode()
    assert [name in page for name in ("Yard", "Dock", "Foreign")] == [True, True, False]
    for site, status, kept in ((mine.pk, 302, mine.pk), (foreign.pk, 422, mine.pk), ("", 302, None)):
        assert owner.post(path, {**form, "site": site}).status_code == status
        camera.refresh_from_db()
        assert camera.site_id == kept


def test_user_without_sites_gets_no_site_field(camera: Camera) -> None:
    assert b'name="site"' not in _browser("other").get("/dashboard/cameras/add/").content
    assert b'name="site"' in _browser("owner").get("/dashboard/cameras/add/").content


def test_site_page_lists_cameras_with_states(camera: Camera) -> None:
    Camera.objects.create(user=camera.user, name="Elsewhere", rtsp_url="rtsp://192.0.2.8/1")
    site_create(user=camera.user, name="Empty")
    for column in ("viewer", "owner"):
        page = _browser(column).get("/dashboard/settings/").content.decode()
        listed = page.partition("site-cameras")[2].partition("</ul>")[0]
        assert re.findall(r'href="(.+?)"', listed) == [f"/dashboard/cameras/{camera.pk}/"]
        assert ("Waiting" in listed, "Elsewhere" in page) == (True, False)
        assert f"?part=site-{camera.site_id}" in page
        assert ("No cameras yet" in page) is (column == "owner")
        assert ('name="recording.max_days"' in page) is (column == "owner")
    other = _browser("other").get("/dashboard/settings/").content.decode()
    assert "Gate" not in other
    assert "No sites yet" in other
