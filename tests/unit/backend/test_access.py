"""Permissions: every method of every path below `/api/` for every role and scope.

The list of paths comes from the URL configuration: an endpoint without a row fails the test.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient
from tests.unit.backend.conftest import WEBHOOK, Party, member, party

from surveillance.models import Alert, Camera, CameraResourceState, DetectorTask, TaskState
from surveillance.services.detector_tasks import control_begin, device_begin, discovery_begin, probe_camera
from surveillance.services.holds import hold_period
from vigil_apps.accounts.invitations import invitation_create
from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from vigil_apps.evidence.cases import case_create, period_add
from vigil_apps.evidence.core.keys import new_key
from vigil_apps.evidence.models import CaseExport
from vigil_apps.identity.services import mapping_create
from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.notifications.services.subscriptions import message_create_test, subscription_create
from vigil_apps.recordings.services import recordings_register
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_contracts.device import ControlAction, ControlCommand
from vigil_contracts.recording import RecordedSegment as RecordedSegmentContract
from vigil_contracts.recording import RecordingBatch, recording_key

# A status below 300 means «permitted»: other requirements of the request are tested elsewhere.
COLUMNS = (
    "anonymous",
    "other",
    "viewer",
    "site_operator",
    "site_admin",
    "owner",
    "superuser",
    "detector",
    "other_detector",
    "pipeline",
    "operator",
    "prober",
)
Row = tuple[int, ...]
OK = 0


def _row(
    *,
    anonymous: int = 401,
    people: tuple[int, int, int, int],
    services: tuple[int, int, int, int],
    prober: int = 403,
) -> Row:
    """`people`: another user, viewer, operator and admin of the site; owner and superuser are treated as its admin.

    `services`: this camera's detector, another's, the pipeline, the operator.
    """
    admin = people[3]
    return (anonymous, *people, admin, admin, *services, prober)


NO_SERVICE = (403, 403, 403, 403)
ALL = _row(anonymous=OK, people=(OK, OK, OK, OK), services=(OK, OK, OK, OK), prober=OK)
OWN_LIST = _row(people=(OK, OK, OK, OK), services=NO_SERVICE)
SUPERUSERS = (401, 403, 403, 403, 403, 403, OK, *NO_SERVICE, 403)
OWN_LIST_400 = _row(people=(400, 400, 400, 400), services=NO_SERVICE)
VIEW = _row(people=(404, OK, OK, OK), services=NO_SERVICE)
VIEW_400 = _row(people=(404, 400, 400, 400), services=NO_SERVICE)
HANDLE = _row(people=(404, 403, OK, OK), services=NO_SERVICE)
HANDLE_400 = _row(people=(404, 403, 400, 400), services=NO_SERVICE)
ADMINISTER = _row(people=(404, 403, 403, OK), services=NO_SERVICE)
ADMINISTER_400 = _row(people=(404, 403, 403, 400), services=NO_SERVICE)
OWNER_ALONE = (401, 404, 404, 404, 404, OK, 404, *NO_SERVICE, 403)
SUPERUSER_ALONE = (401, 403, 403, 403, 403, 403, OK, *NO_SERVICE, 403)
CASE_OWNER = (401, 404, 404, 404, 404, OK, OK, *NO_SERVICE, 403)
CASE_OWNER_400 = (401, 404, 404, 404, 404, 400, 400, *NO_SERVICE, 403)
NO_PERSON = (403, 403, 403, 403)
ROWS: dict[tuple[str, str], Row] = {
    ("POST", "token/"): (400,) * len(COLUMNS),
    ("GET", "schema/"): ALL,
    ("GET", "tokens/"): OWN_LIST,
    ("POST", "tokens/"): OWN_LIST_400,
    ("DELETE", "tokens/{token}/"): OWNER_ALONE,
    ("POST", "tokens/{token}/rotate/"): OWNER_ALONE,
    ("GET", "invitations/"): _row(people=(403, 403, 403, OK), services=NO_SERVICE),
    # A site admin must name the site; a superuser may invite without one.
    ("POST", "invitations/"): (401, 403, 403, 403, 400, 400, OK, *NO_SERVICE, 403),
    ("DELETE", "invitations/{invitation}/"): _row(people=(404, 404, 404, OK), services=NO_SERVICE),
    ("POST", "invitations/accept/"): OWN_LIST_400,
    ("POST", "invitations/register/"): (400,) * len(COLUMNS),
    ("POST", "register/"): (403,) * len(COLUMNS),
    ("GET", "second-factor/policy/"): SUPERUSER_ALONE,
    ("PATCH", "second-factor/policy/"): SUPERUSER_ALONE,
    ("GET", "users/{user}/second-factor/"): SUPERUSER_ALONE,
    ("DELETE", "users/{user}/second-factor/"): SUPERUSER_ALONE,
    ("GET", "audit/"): _row(people=(403, 403, 403, OK), services=NO_SERVICE),
    ("GET", "group-mappings/"): SUPERUSERS,
    ("POST", "group-mappings/"): (401, 403, 403, 403, 403, 403, 400, *NO_SERVICE, 403),
    ("GET", "group-mappings/{mapping}/"): SUPERUSERS,
    ("DELETE", "group-mappings/{mapping}/"): SUPERUSERS,
    ("GET", "home-assistant/"): SUPERUSERS,
    ("PATCH", "home-assistant/"): SUPERUSERS,
    ("GET", "sites/"): OWN_LIST,
    ("POST", "sites/"): OWN_LIST_400,
    ("GET", "sites/{site}/"): VIEW,
    ("PATCH", "sites/{site}/"): ADMINISTER,
    ("DELETE", "sites/{site}/"): ADMINISTER,
    ("GET", "sites/{site}/members/"): VIEW,
    # A site admin can only invite users; a superuser can add them.
    ("POST", "sites/{site}/members/"): (401, 404, 403, 403, 403, 403, 400, *NO_SERVICE, 403),
    ("PATCH", "sites/{site}/members/{user}/"): ADMINISTER_400,
    ("DELETE", "sites/{site}/members/{user}/"): ADMINISTER,
    ("GET", "notifications/"): OWN_LIST,
    ("POST", "notifications/"): OWN_LIST_400,
    ("GET", "notifications/channels/"): OWN_LIST,
    ("POST", "notifications/web-push/"): OWN_LIST_400,
    ("GET", "notifications/{subscription}/"): OWNER_ALONE,
    ("PATCH", "notifications/{subscription}/"): OWNER_ALONE,
    ("DELETE", "notifications/{subscription}/"): OWNER_ALONE,
    ("POST", "notifications/{subscription}/test/"): OWNER_ALONE,
    ("GET", "notifications/{subscription}/messages/"): OWNER_ALONE,
    ("GET", "notifications/{subscription}/messages/{message}/"): OWNER_ALONE,
    ("GET", "cameras/"): _row(people=(OK, OK, OK, OK), services=(403, 403, 403, OK)),
    ("POST", "cameras/"): OWN_LIST_400,
    ("POST", "cameras/import/"): OWN_LIST_400,
    ("GET", "configuration/"): OWN_LIST,
    ("POST", "configuration/"): OWN_LIST_400,
    ("GET", "cameras/{camera}/"): _row(people=(404, OK, OK, OK), services=(403, 403, 403, OK)),
    ("PUT", "cameras/{camera}/"): ADMINISTER_400,
    ("PATCH", "cameras/{camera}/"): ADMINISTER,
    ("DELETE", "cameras/{camera}/"): ADMINISTER,
    ("POST", "cameras/{camera}/activate/"): HANDLE,
    ("POST", "cameras/{camera}/deactivate/"): HANDLE,
    ("GET", "cameras/{camera}/configuration/"): _row(people=NO_PERSON, services=(OK, 404, 403, 403)),
    ("POST", "cameras/{camera}/detector-token/"): _row(people=NO_PERSON, services=(403, 403, 403, OK)),
    ("POST", "detector-tokens/"): _row(people=NO_PERSON, services=(403, 403, 403, 400)),
    ("POST", "cameras/{camera}/heartbeat/"): _row(people=NO_PERSON, services=(400, 404, 400, 403)),
    ("GET", "cameras/{camera}/resource/"): VIEW,
    ("GET", "cameras/{camera}/live/"): VIEW,
    ("GET", "cameras/{camera}/snapshot/"): VIEW,
    ("POST", "cameras/{camera}/frames/"): _row(people=NO_PERSON, services=(OK, 404, OK, 403)),
    ("POST", "cameras/{camera}/probe/"): HANDLE,
    ("POST", "cameras/{camera}/control/"): HANDLE_400,
    ("GET", "controls/{control}/"): OWNER_ALONE,
    ("POST", "onvif-devices/"): OWN_LIST_400,
    ("GET", "onvif-devices/{device}/"): OWNER_ALONE,
    ("POST", "probes/"): OWN_LIST_400,
    ("GET", "probes/{probe}/"): OWNER_ALONE,
    ("GET", "probes/{probe}/snapshot/"): OWNER_ALONE,
    ("POST", "discovery/"): (401, 403, 403, 403, 403, 403, OK, *NO_SERVICE, 403),
    ("GET", "discovery/{discovery}/"): OWNER_ALONE,
    ("GET", "errands/"): _row(people=NO_PERSON, services=(OK, OK, OK, 403), prober=OK),
    ("POST", "errands/{task}/claim/"): _row(people=NO_PERSON, services=(OK, 404, OK, 403), prober=OK),
    ("POST", "errands/{task}/answer/"): _row(people=NO_PERSON, services=(400, 404, 400, 403), prober=400),
    ("GET", "active-cameras/"): _row(people=(OK, OK, OK, OK), services=(403, 403, OK, OK)),
    ("GET", "cameras/{camera}/recordings/"): VIEW_400,
    ("POST", "cameras/{camera}/recordings/"): _row(people=NO_PERSON, services=(OK, 404, OK, 403)),
    ("POST", "cameras/{camera}/recordings/uploads/"): _row(people=NO_PERSON, services=(400, 404, 400, 403)),
    ("GET", "cameras/{camera}/recordings/timeline/"): VIEW_400,
    ("GET", "cameras/{camera}/recordings/motion/"): VIEW_400,
    ("GET", "cameras/{camera}/recordings/preview/"): VIEW_400,
    ("GET", "cameras/{camera}/recordings/frame/"): VIEW_400,
    ("GET", "errands/{task}/recording/"): _row(people=NO_PERSON, services=(404, 404, 404, 403), prober=404),
    ("GET", "cameras/{camera}/recordings/playlist.m3u8"): VIEW_400,
    ("GET", "cameras/{camera}/recordings/{start_ms}.mp4"): VIEW,
    ("POST", "camera-releases/"): _row(people=NO_PERSON, services=(403, 403, 403, 400)),
    ("GET", "camera-resources/"): _row(people=NO_PERSON, services=(403, 403, 403, OK)),
    ("POST", "camera-resources/status/"): _row(people=NO_PERSON, services=(403, 403, 403, 400)),
    ("PUT", "camera-resources/{uid}/"): _row(people=NO_PERSON, services=(403, 403, 403, 400)),
    ("DELETE", "camera-resources/{uid}/"): _row(people=NO_PERSON, services=(403, 403, 403, OK)),
    ("POST", "send-alert/"): _row(people=NO_PERSON, services=(400, 400, 400, 403)),
    ("GET", "alerts/"): OWN_LIST,
    ("POST", "alerts/acknowledge/"): OWN_LIST_400,
    ("POST", "alerts/resolve/"): OWN_LIST_400,
    ("POST", "alerts/false-positive/"): OWN_LIST_400,
    ("GET", "alerts/{alert}/"): VIEW,
    ("POST", "alerts/{alert}/acknowledge/"): HANDLE,
    ("POST", "alerts/{alert}/resolve/"): HANDLE,
    ("POST", "alerts/{alert}/false-positive/"): HANDLE,
    ("DELETE", "alerts/{alert}/false-positive/"): HANDLE,
    ("GET", "alerts/{alert}/comments/"): VIEW,
    ("POST", "alerts/{alert}/comments/"): HANDLE_400,
    ("GET", "alerts/stream/"): OWN_LIST,
    ("GET", "alerts/export.csv"): OWN_LIST,
    ("GET", "alerts/export.json"): OWN_LIST,
    ("GET", "alerts/rules/"): OWN_LIST,
    ("GET", "alerts/{alert}/image/"): VIEW,
    ("GET", "alerts/{alert}/clip/"): VIEW,
    ("GET", "evidence/keys/"): OWN_LIST,
    ("GET", "cases/"): OWN_LIST,
    ("POST", "cases/"): OWN_LIST_400,
    ("GET", "cases/{case}/"): CASE_OWNER,
    ("PATCH", "cases/{case}/"): CASE_OWNER,
    ("DELETE", "cases/{case}/"): (401, 404, 404, 404, 404, 409, 409, *NO_SERVICE, 403),  # it is open
    ("POST", "cases/{case}/close/"): CASE_OWNER_400,
    ("POST", "cases/{case}/members/"): CASE_OWNER_400,
    ("DELETE", "cases/{case}/members/{user}/"): CASE_OWNER,
    ("POST", "cases/{case}/items/"): CASE_OWNER_400,
    ("DELETE", "cases/{case}/items/{item}/"): CASE_OWNER,
    ("GET", "cases/{case}/exports/"): CASE_OWNER,
    ("POST", "cases/{case}/exports/"): CASE_OWNER,
    ("GET", "cases/{case}/exports/{export}/"): CASE_OWNER,
    ("DELETE", "cases/{case}/exports/{export}/"): CASE_OWNER,
    ("GET", "cases/{case}/exports/{export}/archive.zip"): CASE_OWNER,
    ("GET", "holds/"): OWN_LIST,
    ("POST", "holds/"): OWN_LIST_400,
    ("GET", "holds/{hold}/"): VIEW,
    ("POST", "holds/{hold}/lift/"): ADMINISTER_400,
    ("POST", "send-picture/"): _row(people=NO_PERSON, services=(400, 400, 400, 403)),
    ("POST", "send-clip/"): _row(people=NO_PERSON, services=(400, 400, 400, 403)),
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
        name = re.sub(r"<\w+:(\w+?)(_id)?>", r"{\1}", path)
        for method in METHODS:
            if inspect.isfunction(getattr(view.cls, method.lower(), None)):
                found.add((method, name))
    return found


def test_every_endpoint_has_a_row() -> None:
    assert _endpoints() == set(ROWS)


@pytest.fixture
def parties(
    remembered_tokens: None,
    anna: Party,
    ben: Party,
    viewer: Party,
    site_operator: Party,
    site_admin: Party,
    root: Party,
    detector: Party,
    pipeline: Party,
    operator: Party,
    prober: Party,
) -> dict[str, APIClient]:
    other_camera = Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1", is_active=True)
    return {
        "anonymous": APIClient(),
        "other": ben.client,
        "viewer": viewer.client,
        "site_operator": site_operator.client,
        "site_admin": site_admin.client,
        "owner": anna.client,
        "superuser": root.client,
        "detector": detector.client,
        "other_detector": party(ben.user, Scope.DETECTOR, other_camera).client,
        "pipeline": pipeline.client,
        "operator": operator.client,
        "prober": prober.client,
    }


Url = Callable[[str], str]


@pytest.fixture
def url_of(alert: Alert, site: Site, make_user: Callable[..., User], settings: Settings) -> Url:
    """Return the URL for a path of the matrix with Anna's ids; `{user}` is another viewer of her site."""
    settings.VIGIL_EVIDENCE_KEY = new_key()
    CameraResourceState.objects.create(
        camera=alert.camera, source="c/n", name="cam", phase="Pending", reported_at=timezone.now()
    )
    Alert.objects.update(clip=alert.image)  # any file will do
    guest = member(make_user("guest"), site, Role.VIEWER).user
    token_create(user=site.cameras.get().user, scope=Scope.USER, name="of the owner")
    invitation = invitation_create(invited_by=guest, site=site, lifetime=timedelta(days=1)).invitation
    subscription = subscription_create(user=site.cameras.get().user, values=WEBHOOK)
    ids = {
        "subscription": subscription.pk,
        "message": message_create_test(subscription=subscription).pk,
        "camera": alert.camera_id,
        "alert": alert.pk,
        "site": site.pk,
        "user": guest.pk,
        "token": AuthToken.objects.get(name="of the owner").public_id,
        "invitation": invitation.public_id,
        "mapping": mapping_create(provider="", group="guards", site=site, role=Role.VIEWER).pk,
        "uid": "no-such-uid",
        "hold": _hold(alert),
        "start_ms": _recorded(alert.camera),
        **_case(alert.camera, guest),
        **_tasks(alert.camera),
    }
    return lambda path: "/api/" + path.format(**ids)


def _hold(alert: Alert) -> int:
    """Create a legal hold on a camera without other data, since it protects its camera; return its id."""
    elsewhere = Camera.objects.create(user=alert.camera.user, site=alert.camera.site, name="c", rtsp_url="rtsp://h/1")
    now = timezone.now()
    end = now + timedelta(hours=1)
    return hold_period(camera=elsewhere, start=now, end=end, reason="x", user=elsewhere.user).pk


def _case(camera: Camera, member: User) -> dict[str, int]:
    """Create a case of the camera's owner with an item, a member and an export that is done."""
    elsewhere = Camera.objects.create(user=camera.user, site=camera.site, name="d", rtsp_url="rtsp://h/1")
    case = case_create(user=camera.user, values={"title": "x"})
    case.members.add(member)
    now = timezone.now()
    item = period_add(case=case, camera=elsewhere, start=now, end=now + timedelta(hours=1), user=camera.user)
    default_storage.save("exports/x.zip", ContentFile(b"any bytes will do"))
    export = CaseExport.objects.create(case=case, state="done", key="exports/x.zip")
    return {"case": case.pk, "item": item.pk, "export": export.pk}


def _recorded(camera: Camera) -> int:
    """Create a recorded segment with a file; return its begin."""
    start_ms = 1_796_000_000_000
    default_storage.save(recording_key(camera.pk, start_ms), ContentFile(b"any bytes will do"))
    sizes = {"duration_ms": 4000, "size_bytes": 17, "init_bytes": 8, "width": 1, "height": 1}
    segment = RecordedSegmentContract(start_ms=start_ms, init_id="0" * 16, codecs="", **sizes)
    recordings_register(camera_id=camera.pk, batch=RecordingBatch(segments=(segment,)))
    return start_ms


def _tasks(camera: Camera) -> dict[str, Any]:
    """Create a completed stream test with an image, a discovery, and a pending stream test."""
    now = timezone.now()
    tried = probe_camera(camera=camera, user=camera.user, now=now)
    DetectorTask.objects.filter(pk=tried.pk).update(state=TaskState.DONE, snapshot=b"any bytes will do")
    found = discovery_begin(user=camera.user, now=now)
    waiting = probe_camera(camera=camera, user=camera.user, now=now)
    device = device_begin(values={"address": "10.0.0.9"}, user=camera.user, now=now)
    stop = ControlCommand(action=ControlAction.STOP)
    control = control_begin(camera=camera, command=stop, user=camera.user, now=now)
    ids = {"probe": tried.pk, "discovery": found.pk, "task": waiting.pk}
    return ids | {"device": device.pk, "control": control.pk}


def _state() -> list[Any]:
    cameras = list(Camera.objects.values("id", "name", "is_active", "site"))
    return [
        cameras,
        list(Alert.objects.values()),
        list(Site.objects.values()),
        list(Membership.objects.values()),
        list(Invitation.objects.values()),
        list(Subscription.objects.values("id", "name", "is_active")),
        list(Message.objects.values()),
    ]


@contextmanager
def _recorded_writes() -> Iterator[list[str]]:
    """Record the statements that can change a row."""
    written: list[str] = []

    def record(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.lstrip("( ").startswith(("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")):
            written.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(record):
        yield written


@pytest.mark.parametrize("method", METHODS)
def test_access(parties: dict[str, APIClient], url_of: Url, method: str) -> None:
    before, wrong = _state(), []
    for path in _paths(method):
        for column, expected in zip(COLUMNS, ROWS[method, path], strict=True):
            with transaction.atomic():  # each starts with the same data
                with _recorded_writes() as written:
                    answer = getattr(parties[column], method.lower())(url_of(path))
                is_right = answer.status_code < 300 if expected == OK else answer.status_code == expected
                if not is_right:
                    wrong.append((path, column, answer.status_code, answer.content))
                # Reading all rows takes longer than the request.
                if expected != OK and written and _state() != before:
                    wrong.append((path, column, "was refused and has changed something", b""))
                transaction.set_rollback(True)
    assert wrong == []


@pytest.mark.parametrize("method", METHODS)
def test_foreign_objects_are_not_found(parties: dict[str, APIClient], url_of: Url, method: str) -> None:
    wrong = []
    for path in [path for path in _paths(method) if "{" in path]:
        missing_url = "/api/" + re.sub(
            r"{(token|invitation|message|probe|discovery|task|device|control)}", str(UUID(int=0)), path
        )
        missing_url = re.sub(r"{\w+}", str(10**9), missing_url)
        for column in ("other", "other_detector"):
            with transaction.atomic():
                foreign = getattr(parties[column], method.lower())(url_of(path))
                missing = getattr(parties[column], method.lower())(missing_url)
                transaction.set_rollback(True)
            if (foreign.status_code, foreign.content) != (missing.status_code, missing.content):
                wrong.append((path, column, foreign.content, missing.content))
    assert wrong == []


def _paths(method: str) -> list[str]:
    return [path for verb, path in ROWS if verb == method]


@pytest.mark.parametrize("method", METHODS)
def test_methods_without_a_row_are_refused(parties: dict[str, APIClient], url_of: Url, method: str) -> None:
    for path in {path for _, path in ROWS}:
        if (method, path) in ROWS:
            continue
        url = url_of(path)
        for column, client in parties.items():
            assert getattr(client, method.lower())(url).status_code in {401, 403, 405}, (column, path)


def test_foreign_alert_is_not_stored(parties: dict[str, APIClient], camera: Camera) -> None:
    from tests.unit.backend.conftest import alert_fields

    for column, expected in (
        ("other_detector", 404),
        ("operator", 403),
        ("prober", 403),
        ("owner", 403),
        ("anonymous", 401),
    ):
        answer = parties[column].post("/api/send-alert/", alert_fields(camera), format="multipart")
        assert answer.status_code == expected, column
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "header", ["", "Token", "Token x", "Token x y", "Token \xff", "Bearer x", "Token " + "0" * 64]
)
def test_invalid_authorization_header_is_401(db: None, header: str) -> None:
    answer = APIClient().get("/api/cameras/", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "detail" in answer.json()


def test_deactivated_user_is_rejected(anna: Party) -> None:
    User.objects.filter(pk=anna.user.pk).update(is_active=False)
    assert anna.client.get("/api/cameras/").status_code == 401


def test_session_needs_the_csrf_token(
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
