"""The audit log: every change with user, address, and old and new values; no secrets; readable by admins only."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from tests.unit.backend.conftest import URL, Party, member

from surveillance.models import Camera
from vigil_apps.accounts.models import AuthToken
from vigil_apps.audit.models import AuditEntry
from vigil_apps.audit.origin import AuditMiddleware
from vigil_apps.audit.tracking import differences
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import site_create

MARK = "zZmarkedZz"


def _newest(**fields: Any) -> AuditEntry:
    return AuditEntry.objects.filter(**fields)[0]


def test_camera_changes_are_recorded(anna: Party) -> None:
    made = anna.client.post(
        "/api/cameras/", {"name": "Gate", "rtsp_url": URL}, REMOTE_ADDR="192.0.2.7", format="json"
    ).json()
    entry = _newest(kind="camera")
    assert (entry.action, entry.object_id, entry.object_name) == ("created", str(made["id"]), "Gate")
    assert (entry.actor_id, entry.actor_name, entry.via) == (anna.user.pk, "anna", "token")
    assert entry.address == "192.0.2.7"
    assert entry.token_name.startswith("user token")
    assert entry.changes["rtsp_url"] == [None, "rtsp://***@camera.example:554/stream"]

    path = f"/api/cameras/{made['id']}/"
    rules = [{"name": "long", "type": "loitering", "zone": "door", "seconds": 9}]
    zones = [{"name": "door", "points": [[0, 0], [1, 0], [1, 1]]}]
    answer = anna.client.patch(path, {"name": "Door", "detection": {"rules": rules, "zones": zones}})
    assert answer.status_code == 200, answer.content
    entry = _newest(kind="camera")
    assert entry.action == "changed"
    assert set(entry.changes) == {"name", "detection.rules", "detection.zones"}
    assert entry.changes["name"] == ["Gate", "Door"]
    assert entry.changes["detection.rules"][0] == []
    assert entry.changes["detection.rules"][1][0]["seconds"] == 9

    assert anna.client.delete(path).status_code == 204
    entry = _newest(kind="camera")
    assert (entry.action, entry.object_name, entry.changes["name"]) == ("deleted", "Door", ["Door", None])


def test_ignored_proxy_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    middleware = AuditMiddleware(lambda _: HttpResponse())
    make = RequestFactory().get
    middleware(make("/", REMOTE_ADDR="192.0.2.7"))
    middleware(make("/", REMOTE_ADDR="198.51.100.9", HTTP_X_FORWARDED_FOR="203.0.113.4, 198.51.100.9"))
    assert caplog.records == [], "the server has taken the address from the header of a trusted proxy"
    for _ in range(2):
        middleware(make("/", REMOTE_ADDR="10.42.0.7", HTTP_X_FORWARDED_FOR="198.51.100.9"))
    (line,) = [found.getMessage() for found in caplog.records]
    assert line.startswith("X-Forwarded-For from 10.42.0.7 is not trusted")
    assert "backend.trustedProxies" in line


def test_unchanged_or_rejected_requests_are_not_recorded(anna: Party, ben: Party, camera: Camera) -> None:
    before = AuditEntry.objects.count()
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": camera.name})
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": ""})
    ben.client.patch(f"/api/cameras/{camera.pk}/", {"name": "Mine"})
    anna.client.post(f"/api/cameras/{camera.pk}/activate/")
    assert AuditEntry.objects.count() == before


def test_entry_is_rolled_back_with_its_transaction(anna: Party) -> None:
    before = AuditEntry.objects.count()
    with transaction.atomic():
        Camera.objects.create(user=anna.user, name="Gate", rtsp_url=URL)
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == before


def test_changed_password_changes_the_fingerprint(anna: Party, camera: Camera) -> None:
    changed = URL.replace("Pa55word", "An0ther")
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"rtsp_url": changed}).status_code == 200
    entry = _newest(kind="camera")
    assert list(entry.changes) == ["rtsp_url_fingerprint"]
    before, after = entry.changes["rtsp_url_fingerprint"]
    assert before != after
    assert len(before) == len(after) == 9


def test_passwords_and_tokens_never_appear(
    anna: Party, root: Party, operator: Party, make_user: Callable[..., User]
) -> None:
    marked = f"rtsp://markedUser:{MARK}@camera.example/1?token={MARK}"
    camera_id = anna.client.post("/api/cameras/", {"name": "Gate", "rtsp_url": marked}).json()["id"]
    anna.client.patch(f"/api/cameras/{camera_id}/", {"rtsp_url": marked.replace("/1", "/2")})
    texts = [MARK, "markedUser", anna.token, root.token]
    texts.append(operator.client.post(f"/api/cameras/{camera_id}/detector-token/").json()["token"])
    operator.client.post(f"/api/cameras/{camera_id}/detector-token/")
    user = make_user("carla")
    user.set_password(MARK)
    user.save()
    texts += list(AuthToken.objects.values_list("digest", flat=True))
    texts += [stored.password for stored in User.objects.all()]
    anna.client.delete(f"/api/cameras/{camera_id}/")
    user.delete()

    browser = Client()
    browser.force_login(root.user)
    stored = json.dumps(list(AuditEntry.objects.values()), default=str)
    pages = [
        root.client.get("/api/audit/", {"page_size": 500}).content.decode(),
        browser.get(reverse("admin:audit_auditentry_changelist")).content.decode(),
        *(
            browser.get(reverse("admin:audit_auditentry_change", args=[entry.pk])).content.decode()
            for entry in AuditEntry.objects.all()
        ),
    ]
    for text in texts:
        for output in (stored, *pages):
            assert text not in output
    assert {"camera", "token", "user"} <= set(AuditEntry.objects.values_list("kind", flat=True))


def test_members_and_sites(anna: Party, ben: Party) -> None:
    site_id = anna.client.post("/api/sites/", {"name": "Yard"}).json()["id"]
    url = f"/api/sites/{site_id}/members/"
    member(ben.user, Site.objects.get(pk=site_id), Role.VIEWER)
    anna.client.patch(f"{url}{ben.user.pk}/", {"role": "admin"})
    entry = _newest(kind="member")
    assert (entry.action, entry.changes) == ("changed", {"role": ["viewer", "admin"]})
    assert entry.site_id == site_id
    anna.client.delete(f"{url}{ben.user.pk}/")
    assert _newest(kind="member").action == "deleted"
    anna.client.delete(f"/api/sites/{site_id}/")
    assert _newest(kind="site").action == "deleted"


def test_rotated_detector_token(anna: Party, operator: Party, camera: Camera) -> None:
    for _ in range(2):
        operator.client.post(f"/api/cameras/{camera.pk}/detector-token/")
    made, ended, first = AuditEntry.objects.filter(kind="token")[:3]
    assert (made.action, ended.action, first.action) == ("created", "changed", "created")
    assert ended.changes["expires_at"][0] is None
    assert made.actor_name == "operator"
    assert made.token_name.startswith("operator token")


def test_admin_and_commands(anna: Party, root: Party, camera: Camera, capsys: pytest.CaptureFixture[str]) -> None:
    browser = Client()
    browser.force_login(root.user)
    form = {"name": "Renamed", "user": camera.user_id, "rtsp_url": "", "transport": "tcp", "detection": "{}"}
    page = browser.post(reverse("admin:surveillance_camera_change", args=[camera.pk]), form)
    assert page.status_code == 302
    entry = _newest(kind="camera")
    assert (entry.actor_name, entry.via, entry.changes["name"]) == ("root", "session", ["Gate", "Renamed"])
    call_command("create_token", "--user", "anna", "--scope", "pipeline", "--name", "yard")
    capsys.readouterr()
    entry = _newest(kind="token")
    assert (entry.via, entry.actor_id, entry.changes["scope"]) == ("system", None, [None, "pipeline"])


def test_read_permissions(
    anna: Party,
    viewer: Party,
    site_operator: Party,
    site_admin: Party,
    root: Party,
    camera: Camera,
    site: Site,
    make_user: Callable[..., User],
) -> None:
    for refused in (viewer, site_operator):
        answer = refused.client.get("/api/audit/")
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "Only a system administrator or a site admin may read the audit log.",
        )
    foreign = site_create(user=make_user("carla"), name="Foreign")
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": "Renamed"})
    read = site_admin.client.get("/api/audit/").json()["results"]
    assert {row["site_id"] for row in read} == {site.pk}
    assert read[0]["changes"] == {"name": ["Gate", "Renamed"]}
    everything = root.client.get("/api/audit/", {"page_size": 500}).json()["results"]
    assert foreign.pk in {row["site_id"] for row in everything}


def test_former_site_sees_who_moved_the_camera(anna: Party, site_admin: Party, camera: Camera, site: Site) -> None:
    other = site_create(user=anna.user, name="Other")
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"site": other.pk})
    newest = site_admin.client.get("/api/audit/").json()["results"][0]
    assert newest["changes"] == {"site_id": [site.pk, other.pk]}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"kind": "camera"}, 2),
        ({"kind": "camera", "action": "changed"}, 1),
        ({"actor_name": "anna", "kind": "camera"}, 1),
        ({"kind": "camera", "after": "2100-01-01T00:00:00Z"}, 0),
        ({"kind": "camera", "before": "2100-01-01T00:00:00Z"}, 2),
        ({"kind": "camera", "object_id": "0"}, 0),
    ],
)
def test_filters(anna: Party, root: Party, camera: Camera, query: dict[str, str], count: int) -> None:
    anna.client.post(f"/api/cameras/{camera.pk}/deactivate/")
    assert len(root.client.get("/api/audit/", query).json()["results"]) == count


def test_entries_are_immutable(root: Party, camera: Camera) -> None:
    entry = AuditEntry.objects.all()[0]
    for change in (entry.save, entry.delete):
        with pytest.raises(TypeError, match="audit entry cannot be"):
            change()
    browser = Client()
    browser.force_login(root.user)
    assert browser.post(reverse("admin:audit_auditentry_delete", args=[entry.pk])).status_code == 403
    assert browser.get(reverse("admin:audit_auditentry_add")).status_code == 403
    assert browser.post(reverse("admin:audit_auditentry_change", args=[entry.pk]), {"kind": "x"}).status_code == 403


def test_audit_log_survives_deletion_of_the_user(root: Party, camera: Camera) -> None:
    browser = Client()
    browser.force_login(root.user)
    answer = browser.post(reverse("admin:auth_user_delete", args=[root.user.pk]), {"post": "yes"})
    assert answer.status_code == 302
    entry = _newest(kind="user")
    assert (entry.action, entry.object_name, entry.actor_name) == ("deleted", "root", "root")


def test_membership_by_command_has_no_actor(anna: Party, site: Site, make_user: Callable[..., User]) -> None:
    member(make_user("dora"), site, Role.VIEWER)
    entry = _newest(kind="member")
    assert (entry.via, entry.actor_name, entry.address) == ("system", "", None)


def test_differences() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": [2, 3], "c": [None, 4]}
    assert differences({}, {}) == {}
