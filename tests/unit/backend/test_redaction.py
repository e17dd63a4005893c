"""A known password is sent through every path and must not appear in any output."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.unit.backend.conftest import Party, picture, send
from tests.unit.backend.test_access import ROWS

from surveillance.models import Alert, Camera
from surveillance.services.detector_tasks import control_begin, device_begin, discovery_begin, probe_camera
from surveillance.services.holds import hold_alert
from surveillance_backend.log_settings import JsonFormatter, TextFormatter
from vigil_apps.evidence.cases import alert_add, case_create
from vigil_apps.evidence.models import CaseExport
from vigil_apps.identity.services import mapping_create
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import site_create
from vigil_contracts.device import ControlAction, ControlCommand

MARK = "zZmarkedZz"
USER = "markedUser"
QUERY = "markedQuery"
PATH = "markedPath"
URL = f"rtsp://{USER}:{MARK}%40x@camera.example:554/user=x_password={PATH}_channel=1?token={QUERY}"
SECRETS = (MARK, USER, QUERY, PATH)


class _Captured(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [JsonFormatter().format(record), TextFormatter().format(record)]


@pytest.fixture
def log() -> Any:
    handler = _Captured()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def _clean(where: str, text: str) -> None:
    for secret in SECRETS:
        assert secret not in text, where


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.usefixtures("remembered_tokens")
def test_no_response_page_or_log_line_contains_the_password(
    anna: Party,
    root: Party,
    operator: Party,
    log: _Captured,
    settings: Any,
    debug: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DEBUG = debug
    created = anna.client.post("/api/cameras/", {"name": "Gate", "rtsp_url": URL, "is_active": True})
    assert created.status_code == 201
    _clean("create", created.content.decode())
    camera = Camera.objects.get()
    assert camera.rtsp_url == URL
    site = site_create(user=anna.user, name="Yard")
    alert_id = send(_pipeline(anna), camera, image=picture(), description="x").json()["id"]
    probe = probe_camera(camera=camera, user=anna.user, now=timezone.now())
    discovery = discovery_begin(user=root.user, now=timezone.now())
    device = device_begin(
        values={"address": "10.0.0.9", "username": "root", "password": "p@ss"}, user=anna.user, now=timezone.now()
    )
    stop = ControlCommand(action=ControlAction.STOP)
    control = control_begin(camera=camera, command=stop, user=anna.user, now=timezone.now())

    hold = hold_alert(alert=Alert.objects.get(pk=alert_id), reason="x", user=anna.user)
    item = alert_add(
        case=case_create(user=anna.user, values={"title": "x"}), alert=Alert.objects.get(pk=alert_id), user=anna.user
    )
    export = CaseExport.objects.create(case=item.case)
    mapping = mapping_create(provider="", group="guards", site=site, role=Role.VIEWER)

    bodies: list[Any] = [
        {"name": "Gate", "rtsp_url": URL},
        {"name": "Other", "rtsp_url": URL, "transport": URL, "detection": {"classes": URL}},
        {"name": URL * 3, "rtsp_url": URL.replace("rtsp", "http"), "group": URL},
        {"rtsp_url": URL + " ", "name": None},
        {"rtsp_url": URL.replace("554", "99999"), "name": "y"},
        {"rtsp_url": URL.replace("%40", "/"), "name": "y"},
        {"name": "y", "rtsp_url": "rtsp://h/x", "detection": {"stream_path": f"/live;pwd={PATH}"}},
        [URL],
    ]
    for party in (anna, root, operator):
        for method, path in sorted(ROWS):
            if method == "DELETE":
                continue
            url = "/api/" + path.format(
                camera=camera.pk,
                alert=alert_id,
                site=site.pk,
                user=anna.user.pk,
                token=UUID(int=0),
                invitation=UUID(int=0),
                uid="u",
                start_ms=1_796_000_000_000,
                subscription=0,
                message=UUID(int=0),
                probe=probe.pk,
                discovery=discovery.pk,
                device=device.pk,
                control=control.pk,
                task=probe.pk,
                mapping=mapping.pk,
                hold=hold.pk,
                case=item.case_id,
                item=item.pk,
                export=export.pk,
            )
            if path == "active-cameras/" and party is operator:
                continue  # one of the two responses that may contain credentials
            for body in bodies if method != "GET" else [None]:
                answer = getattr(party.client, method.lower())(url, body)
                content = b"".join(answer.streaming_content) if answer.streaming else answer.content
                _clean(f"{method} {path}", content.decode(errors="replace") + repr(answer.headers))

    browser = Client()
    browser.force_login(root.user)
    for url in (
        reverse("admin:surveillance_camera_changelist"),
        reverse("admin:surveillance_camera_change", args=[camera.pk]),
        reverse("admin:surveillance_camera_history", args=[camera.pk]),
        reverse("admin:surveillance_camera_delete", args=[camera.pk]),
        reverse("admin:surveillance_alert_changelist"),
        reverse("admin:surveillance_alert_change", args=[alert_id]),
        reverse("admin:accounts_authtoken_changelist"),
    ):
        page = browser.get(url)
        assert page.status_code == 200, url
        _clean(url, page.content.decode())
    bad = {"name": "Gate", "user": anna.user.pk, "rtsp_url": URL.replace("rtsp", "http"), "transport": "tcp"}
    page = browser.post(reverse("admin:surveillance_camera_change", args=[camera.pk]), bad)
    assert page.status_code == 200
    assert "must begin with rtsp://" in page.content.decode()
    _clean("admin form", page.content.decode())

    def fail(*_: Any, **__: Any) -> None:
        marked = URL  # a local variable of a stack frame, as shown by debug pages
        raise RuntimeError(f"failed with {len(marked)} characters")

    monkeypatch.setattr(Camera, "save", fail)
    failing = anna.client.post("/api/cameras/", {"name": "New", "rtsp_url": URL})
    assert failing.status_code == 500
    _clean("error page", failing.content.decode())
    browser.raise_request_exception = False
    good = {**bad, "rtsp_url": URL, "detection": "{}"}
    page = browser.post(reverse("admin:surveillance_camera_change", args=[camera.pk]), good)
    assert page.status_code == 500
    _clean("admin's error page", page.content.decode())
    assert log.lines
    _clean("log", "\n".join(log.lines))


def _pipeline(anna: Party) -> Party:
    from tests.unit.backend.conftest import party

    from vigil_apps.accounts.scopes import Scope

    return party(anna.user, Scope.PIPELINE)


def test_admin_keeps_the_url_if_left_empty(root: Party, camera: Camera, make_user: Callable[..., User]) -> None:
    browser = Client()
    browser.force_login(root.user)
    form = {"name": "Renamed", "user": camera.user_id, "rtsp_url": "", "transport": "udp", "detection": "{}"}
    answer = browser.post(reverse("admin:surveillance_camera_change", args=[camera.pk]), form)
    assert answer.status_code == 302, answer.content.decode()
    before = camera.rtsp_url
    camera.refresh_from_db()
    assert (camera.name, camera.transport, camera.rtsp_url) == ("Renamed", "udp", before)
    assert camera.detection["frames_per_second"] == 5.0
