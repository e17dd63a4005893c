"""Legal holds: what is held survives every path that deletes, and only its site's admins may lift it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import Party, files_in, party, picture, send
from tests.unit.backend.test_recordings import NOON, NOON_MS, no_pause, record, register

from surveillance import images
from surveillance.models import Alert, Camera, CameraResource, LegalHold, ManagedBy
from surveillance.services.alerts import alert_replace_image
from surveillance.services.registrations import resource_unregister
from surveillance.services.retention import retention_apply
from surveillance.services.sweeps import orphans_delete
from surveillance.storages import DirectoryStorage
from vigil_apps.audit.models import AuditEntry
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan, RecordingGap
from vigil_apps.recordings.retention import recordings_retain
from vigil_apps.recordings.sweep import recordings_sweep
from vigil_apps.sites.models import Site
from vigil_contracts.alert import ImageSubmission
from vigil_contracts.names import DeletionPolicy
from vigil_contracts.recording import recording_key

AFTER = datetime(2028, 1, 1, tzinfo=UTC)


def hold(party: Party, **body: Any) -> dict[str, Any]:
    answer = party.client.post("/api/holds/", {"reason": "Police report 4711", **body}, format="json")
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def lift(party: Party, hold_id: int, reason: str = "Case closed") -> Any:
    return party.client.post(f"/api/holds/{hold_id}/lift/", {"reason": reason}, format="json")


def period(first: float, last: float) -> dict[str, str]:
    return {
        "start": (NOON + timedelta(seconds=first)).isoformat(),
        "end": (NOON + timedelta(seconds=last)).isoformat(),
    }


@pytest.fixture
def scene(media: Path, camera: Camera, detector: Party, settings: Settings) -> Camera:
    """Recordings of 200 s with a gap, and alerts with files at 100 s and 180 s; all older than their limits."""
    settings.VIGIL_RETENTION_DAYS, settings.VIGIL_MEDIA_MAX_USED_PERCENT = 1, 100
    Camera.objects.update(recording={"mode": "continuous", "days": 1}, retention_days=1)
    record(media, detector, camera, *range(0, 200, 4))
    for first in (-9000, 100_000):
        gap = {"start_ms": NOON_MS + first, "end_ms": NOON_MS + first + 1000, "reason": "SpoolFull"}
        register(detector, camera, gaps=[gap])
    for number, seconds in enumerate((100, 180)):
        at = (NOON + timedelta(seconds=seconds)).isoformat()
        send(detector, camera, event_id=f"event-{number:04}", timestamp=at, image=picture())
        clip = images.save(b"a clip", now=NOON, extension="mp4")
        Alert.objects.filter(event_id=f"event-{number:04}").update(clip=clip, resolved=True, received_at=NOON)
    return camera


def _by_age(_: Camera) -> None:
    """Apply retention long afterwards."""
    retention_apply(now=AFTER, pause=no_pause)
    recordings_retain(now=AFTER, pause=no_pause)


def _by_camera_space(camera: Camera) -> None:
    """Exceed the camera's space."""
    Camera.objects.filter(pk=camera.pk).update(
        retention_megabytes=1, recording={"mode": "continuous", "gigabytes": 1}
    )
    Alert.objects.update(image_bytes=50_000_000)
    RecordedSpan.objects.update(size_bytes=9_000_000_000)
    _now()


def _by_disk(_: Camera) -> None:
    """Fill the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectoryStorage, "excess_bytes", lambda *_, **__: 10**12)
        _now()


def _now() -> None:
    retention_apply(now=NOON, pause=no_pause)
    recordings_retain(now=NOON + timedelta(minutes=10), pause=no_pause)


def _by_sweep(_: Camera) -> None:
    """Sweep what no row names."""
    orphans_delete(written_before=AFTER)
    recordings_sweep(written_before=AFTER)


def _by_api(camera: Camera) -> None:
    """Delete the camera by the API."""
    answer = party(camera.user).client.delete(f"/api/cameras/{camera.pk}/")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("This camera has a legal hold. Deactivate it instead, or lift")


def _by_dashboard(camera: Camera) -> None:
    """Delete the camera by the dashboard."""
    browser = Client()
    browser.force_login(camera.user)
    answer = browser.post(f"/dashboard/cameras/{camera.pk}/delete/", follow=True)
    assert "This camera has a legal hold." in answer.content.decode()


def _by_resource(camera: Camera) -> None:
    """Delete the Camera resource with `deletionPolicy: Delete`."""
    Camera.objects.filter(pk=camera.pk).update(managed_by=ManagedBy.KUBECTL)
    resource = CameraResource.objects.create(
        camera=camera, uid="u", source="c", name="n", digest="", deletion_policy=DeletionPolicy.DELETE.value
    )
    assert resource_unregister(uid="u", now=timezone.now())
    camera.refresh_from_db()
    assert (camera.is_active, camera.managed_by) == (False, ManagedBy.BACKEND), "it is released instead"
    resource.refresh_from_db()
    assert resource.deleted_at is not None


def _by_owner(camera: Camera) -> None:
    """Delete the owner, whose cameras go with the account."""
    with pytest.raises(ProtectedError):
        User.objects.get(pk=camera.user_id).delete()


def _by_site(camera: Camera) -> None:
    """Delete the site of the camera."""
    site = Site.objects.create(name="Yard")
    Camera.objects.filter(pk=camera.pk).update(site=site)
    site.delete()


def _by_admin(camera: Camera) -> None:
    """Delete alerts and camera in Django's admin."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    alerts = list(Alert.objects.filter(event_id="event-0000").values_list("pk", flat=True))
    for model, ids in (("alert", alerts), ("camera", [camera.pk])):
        form = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
        answer = browser.post(f"/admin/surveillance/{model}/", form)
        assert b"protected" in answer.content or b"would require deleting" in answer.content, model
        for pk in ids:
            browser.post(f"/admin/surveillance/{model}/{pk}/delete/", {"post": "yes"})


def _by_an_older_version(camera: Camera) -> None:
    """Delete the camera's row as a version without legal holds does: the database refuses."""
    with pytest.raises(IntegrityError), transaction.atomic():
        _delete_row(camera)


def _delete_row(camera: Camera) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM surveillance_camera WHERE id = %s", [camera.pk])
    connection.check_constraints()


def _by_better_image(camera: Camera) -> None:
    """Replace the alert's image, as a detector does that finds a better one."""
    box = {"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.9}
    submission = ImageSubmission.model_validate({"camera": camera.pk, "event_id": "event-0000", "box": box})
    alert_replace_image(camera=camera, submission=submission, image=picture(), now=NOON)


PATHS: list[Callable[[Camera], None]] = [
    _by_age,
    _by_camera_space,
    _by_disk,
    _by_sweep,
    _by_api,
    _by_dashboard,
    _by_resource,
    _by_owner,
    _by_site,
    _by_admin,
    _by_an_older_version,
    _by_better_image,
]


@pytest.mark.parametrize("is_alert", [True, False], ids=["alert", "period"])
@pytest.mark.parametrize("delete", PATHS, ids=lambda path: path.__name__)
def test_what_is_held_survives(
    scene: Camera,
    anna: Party,
    media: Path,
    delete: Callable[[Camera], None],
    django_capture_on_commit_callbacks: Any,
    *,
    is_alert: bool,
) -> None:
    held = Alert.objects.get(event_id="event-0000")
    hold(anna, alert=held.pk) if is_alert else hold(anna, camera=scene.pk, **period(90, 110))
    with django_capture_on_commit_callbacks(execute=True):  # which delete the files
        delete(scene)
    assert Alert.objects.get(pk=held.pk).image == held.image
    names = {file.name for file in files_in(media)}
    assert {Path(held.image).name, Path(held.clip).name} <= names
    starts = {NOON_MS + seconds * 1000 for seconds in range(92, 108, 4)}
    assert starts <= set(RecordedSegment.objects.values_list("start_ms", flat=True))
    assert {f"{start}.mp4" for start in starts} <= names
    assert RecordingGap.objects.filter(start_ms=NOON_MS + 100_000).exists(), "the reason why something is missing"


def test_what_is_not_held_is_still_deleted(scene: Camera, anna: Party, media: Path) -> None:
    hold(anna, camera=scene.pk, **period(90, 110))
    _by_age(scene)
    assert list(Alert.objects.values_list("event_id", flat=True)) == ["event-0000"]
    starts = [(one - NOON_MS) // 1000 for one in RecordedSegment.objects.values_list("start_ms", flat=True)]
    assert (min(starts), max(starts)) == (84, 112), "the period, and what the alert in it shows"
    assert RecordingGap.objects.count() == 1


def test_a_lifted_hold_keeps_nothing(
    scene: Camera, anna: Party, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first = hold(anna, camera=scene.pk, **period(90, 110))
    second = hold(anna, alert=Alert.objects.get(event_id="event-0000").pk)
    assert lift(anna, first["id"]).status_code == 204
    with django_capture_on_commit_callbacks(execute=True):
        _by_age(scene)
    assert Alert.objects.count() == 1, "another hold is left"
    assert lift(anna, second["id"]).status_code == 204
    with django_capture_on_commit_callbacks(execute=True):
        retention_apply(now=AFTER, pause=no_pause)
        recordings_retain(now=AFTER + timedelta(days=2), pause=no_pause)
    assert not Alert.objects.exists()
    assert files_in(media) == []
    assert anna.client.delete(f"/api/cameras/{scene.pk}/").status_code == 204


def test_the_sweep_keeps_held_files_that_an_older_backup_does_not_know(
    scene: Camera, anna: Party, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hold(anna, camera=scene.pk, **period(300, 320))
    for seconds in (308, 2000):
        default_storage.save(recording_key(scene.pk, NOON_MS + seconds * 1000), ContentFile(b"x"))
    assert recordings_sweep(written_before=AFTER).orphans == 1
    assert [file.name for file in files_in(media) if file.stat().st_size == 1] == [f"{NOON_MS + 308_000}.mp4"]
    assert "kept because of a legal hold" in caplog.text


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"alert": 1, "reason": " "}, {"reason": ["String should have at least 1 character"]}),
        ({"reason": "x"}, {"non_field_errors": ["send either alert, or camera with start and end"]}),
        (
            {"reason": "x", "camera": 1},
            {"non_field_errors": ["send either alert, or camera with start and end"]},
        ),
        ({"reason": "x", "alert": 10**9}, {"alert": ["must be the id of an alert that you can view"]}),
        (
            {"reason": "x", "camera": 10**9, **period(0, 9)},
            {"camera": ["must be the id of a camera that you can view"]},
        ),
        (
            {"reason": "x", "camera": 1, **period(9, 9)},
            {"non_field_errors": ["end must be later than start"]},
        ),
    ],
    ids=range(6),
)
def test_a_wrong_hold_is_refused(anna: Party, body: dict[str, Any], errors: dict[str, list[str]]) -> None:
    answer = anna.client.post("/api/holds/", body, format="json")
    assert (answer.status_code, answer.json()) == (400, errors)


def test_only_admins_of_the_site_lift_and_the_audit_log_says_why(
    alert: Alert, site: Site, viewer: Party, site_operator: Party, site_admin: Party, anna: Party, ben: Party
) -> None:
    refused = viewer.client.post("/api/holds/", {"alert": alert.pk, "reason": "x"}, format="json")
    assert refused.status_code == 403
    placed = hold(site_operator, alert=alert.pk)
    assert (placed["placed_by"], placed["may_lift"]) == ("site_operator", False)
    assert ben.client.get(f"/api/holds/{placed['id']}/").status_code == 404
    assert ben.client.get("/api/holds/").json()["results"] == []
    assert (
        viewer.client.get("/api/holds/", {"alert": alert.pk}).json()["results"][0]["reason"] == "Police report 4711"
    )
    assert [lift(one, placed["id"]).status_code for one in (ben, viewer, site_operator)] == [404, 403, 403]
    site.memberships.filter(user=anna.user).delete()
    Camera.objects.update(site=None)  # the owner takes the camera out of the site
    assert lift(anna, placed["id"]).status_code == 403, "the hold is that of the site"
    assert lift(site_admin, placed["id"], "Investigation closed").status_code == 204
    entries = AuditEntry.objects.filter(kind="legal hold").order_by("id")
    assert [(entry.action, entry.actor_name, entry.site_id) for entry in entries] == [
        ("created", "site_operator", site.pk),
        ("deleted", "site_admin", site.pk),
    ]
    assert entries[0].changes["reason"] == [None, "Police report 4711"]
    assert entries[1].changes["lift_reason"] == [None, "Investigation closed"]


def test_a_camera_has_a_limited_number_of_holds(camera: Camera, anna: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surveillance.services.holds.MAX_PER_CAMERA", 1)
    hold(anna, camera=camera.pk, **period(0, 9))
    body = {"camera": camera.pk, "reason": "x", **period(0, 9)}
    answer = anna.client.post("/api/holds/", body, format="json")
    assert answer.json() == {"camera": ["has 1 legal holds already; lift some, or hold a longer period instead"]}
    assert LegalHold.objects.count() == 1
