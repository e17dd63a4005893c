"""Deletion during a concurrent write: 404 and never a server error, and deleted rows stay deleted."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone
from tests.unit.backend.conftest import APPS, Party, alert_fields, member, party

from surveillance.models import Alert, Camera
from surveillance.services.cameras import camera_create, camera_delete, camera_update
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role

pytestmark = pytest.mark.django_db(transaction=True, available_apps=APPS)

MOST_WRITES = 9
"""The number of writes per request to test; only the deletion itself has more, and those are alike."""
HEARTBEAT = {"phase": "Streaming", "reason": "Streaming", "spooled_alerts": 0, "detector": "pod-1", "revision": "1"}


def _elsewhere(work: Callable[[], Any]) -> None:
    """Run it on a separate connection if the database supports several; fail instead of waiting for a lock."""
    if connection.vendor != "postgresql":
        work()
        return

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            work()
        except OperationalError:
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


class _Before:
    """Runs `work` immediately before the `nth` statement that writes, or locks the alerts to write."""

    def __init__(self, nth: int, work: Callable[[], Any]) -> None:
        self._left, self._work, self.is_done = nth, work, False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        is_lock = "FOR NO KEY UPDATE" in sql  # afterwards nobody can delete the alerts
        if not self.is_done and (is_lock or sql.startswith(("INSERT", "UPDATE", "DELETE"))):
            self._left -= 1
            if self._left == 0:
                self.is_done = True
                _elsewhere(self._work)
        return execute(sql, params, many, context)


def _ask(request: Callable[[], Any], nth: int, delete: Callable[[], Any]) -> tuple[Any, bool]:
    before = _Before(nth, delete)
    with connection.execute_wrapper(before):
        answer = request()
    return answer, before.is_done


def _camera(owner: Party) -> Camera:
    return camera_create(user=owner.user, values={"name": "Race", "rtsp_url": "rtsp://10.0.0.7/1", "is_active": True})


def _delete(camera: Camera) -> None:
    camera_delete(camera=Camera.objects.get(pk=camera.pk))


Request = Callable[[Party, Party, Party, Camera], Any]
REQUESTS: dict[str, Request] = {
    "detector token": lambda _a, _d, op, cam: op.client.post(f"/api/cameras/{cam.pk}/detector-token/"),
    "detector tokens": lambda _a, _d, op, cam: op.client.post("/api/detector-tokens/", {"cameras": [cam.pk]}),
    "heartbeat": lambda _a, det, _o, cam: det.client.post(f"/api/cameras/{cam.pk}/heartbeat/", HEARTBEAT),
    "alert": lambda _a, det, _o, cam: det.client.post("/api/send-alert/", alert_fields(cam), format="multipart"),
    "change": lambda anna, _d, _o, cam: anna.client.patch(f"/api/cameras/{cam.pk}/", {"name": "Another"}),
    "deactivate": lambda anna, _d, _o, cam: anna.client.post(f"/api/cameras/{cam.pk}/deactivate/"),
    "probe": lambda anna, _d, _o, cam: anna.client.post(f"/api/cameras/{cam.pk}/probe/"),
    "delete": lambda anna, _d, _o, cam: anna.client.delete(f"/api/cameras/{cam.pk}/"),
}


@pytest.mark.parametrize("name", list(REQUESTS))
def test_concurrently_deleted_camera(name: str, anna: Party, operator: Party) -> None:
    for nth in range(1, MOST_WRITES + 1):
        camera = _camera(anna)
        detector = party(anna.user, Scope.DETECTOR, camera)
        AuthToken.objects.update(last_used_at=camera.created_at)  # so that its own write is not counted
        answer, is_hit = _ask(
            partial(REQUESTS[name], anna, detector, operator, camera), nth, partial(_delete, camera)
        )
        assert answer.status_code < 300 or answer.status_code in {401, 404}, (nth, answer.status_code, answer.content)
        if (
            answer.status_code >= 400 and connection.vendor == "postgresql"
        ):  # SQLite has rolled back the deletion, too
            assert not Camera.objects.filter(pk=camera.pk).exists(), nth
            assert not AuthToken.objects.filter(camera_id=camera.pk).exists(), nth
            assert not Alert.objects.filter(camera_id=camera.pk).exists(), nth
        Camera.objects.all().delete()
        if not is_hit:
            assert nth > 1
            return
    assert name == "delete"


def test_concurrently_deleted_alert(anna: Party, alert: Alert) -> None:
    path = f"/api/alerts/{alert.pk}/"
    kept = Alert.objects.get()
    for name, sent in (("acknowledge", {}), ("resolve", {}), ("false-positive", {}), ("comments", {"text": "seen"})):
        Alert.objects.all().delete()
        kept.save(force_insert=True)
        answer, _ = _ask(partial(anna.client.post, f"{path}{name}/", sent), 1, _delete_alerts)
        assert answer.status_code in {200, 201, 404}, (name, answer.status_code, answer.content)
        assert not Alert.objects.exists(), name


def _delete_alerts() -> None:
    Alert.objects.all().delete()


def test_concurrently_deleted_site_and_user(
    anna: Party, site: Site, make_user: Callable[..., User], root: Party
) -> None:
    guest = make_user("guest")
    member(root.user, site, Role.ADMIN)
    AuthToken.objects.update(last_used_at=timezone.now())
    answer, is_hit = _ask(
        lambda: root.client.post(f"/api/sites/{site.pk}/members/", {"username": "guest", "role": "viewer"}),
        1,
        lambda: User.objects.filter(pk=guest.pk).delete(),
    )
    assert is_hit
    assert answer.status_code in {201, 404}, answer.content
    answer, is_hit = _ask(
        lambda: root.client.patch(f"/api/sites/{site.pk}/", {"name": "Another"}),
        1,
        lambda: Site.objects.filter(pk=site.pk).delete(),
    )
    assert is_hit
    assert answer.status_code in {200, 404}, answer.content
    assert not Site.objects.filter(name="Another").exists() or answer.status_code == 200


def test_concurrent_changes_of_a_camera_are_both_kept(anna: Party) -> None:
    camera = _camera(anna)
    mine, theirs = Camera.objects.get(pk=camera.pk), Camera.objects.get(pk=camera.pk)
    camera_update(camera=mine, values={"name": "Gate"})
    camera_update(camera=theirs, values={"group": "yard"})
    found = Camera.objects.get(pk=camera.pk)
    assert (found.name, found.group) == ("Gate", "yard")
