"""Retention: by age in any state, by space only resolved alerts, the oldest first."""

import json
from collections import namedtuple
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import APPS, Party, files_in

from surveillance import images, metrics
from surveillance.models import Alert, Camera, HousekeepingTask
from surveillance.services import housekeeping, retention
from surveillance.services.retention import Deleted, Reason, retention_apply
from vigil_apps.audit.models import AuditEntry
from vigil_contracts.names import AlertType

pytestmark = pytest.mark.django_db(transaction=True, available_apps=APPS)
NOW = timezone.now()


@pytest.fixture(autouse=True)
def disk_without_limit(settings: Settings) -> None:
    """However full this machine's disk is, only the test of a full disk deletes for it."""
    settings.VIGIL_MEDIA_MAX_USED_PERCENT = 100


def stored(camera: Camera, days_old: int, *, size: int = 0, resolved: bool = False, **fields: Any) -> Alert:
    """Store an alert with an image, as it would be after this many days."""
    key = images.save(b"x" * (size or 10), now=NOW)
    values = {"alert_type": "person", "confidence": 0.9, "timestamp": NOW, **fields}
    alert = Alert.objects.create(
        camera=camera,
        event_id=f"event-{Alert.objects.count():04}-{days_old}",
        image=key,
        image_bytes=size,
        resolved=resolved,
        **values,
    )
    Alert.objects.filter(pk=alert.pk).update(received_at=NOW - timedelta(days=days_old))
    return alert


def ids() -> list[int]:
    return list(Alert.objects.order_by("id").values_list("pk", flat=True))


def apply(**options: Any) -> list[Deleted]:
    return retention_apply(now=NOW, pause=lambda _: None, **options)


def test_old_alerts_and_their_files_are_deleted_in_any_state(camera: Camera, media: Path, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS = 30
    stored(camera, 31)
    stored(camera, 40, resolved=True)
    young = stored(camera, 29)
    outage = stored(camera, 90, alert_type=AlertType.CAMERA_OFFLINE.value)
    assert apply() == [Deleted(camera.pk, Reason.AGE, 2, 0)]
    assert ids() == [young.pk, outage.pk], "an outage that goes on is no thing of the past"
    assert len(files_in(media)) == 2


def test_camera_has_its_own_retention_period(camera: Camera, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS = None
    kept = stored(camera, 4000)
    assert apply() == [], "no default: for ever"
    Camera.objects.filter(pk=camera.pk).update(retention_days=7)
    assert [item.alerts for item in apply()] == [1]
    assert kept.pk not in ids()


def test_cameras_without_old_alerts_need_no_query_each(
    camera: Camera, settings: Settings, django_assert_max_num_queries: Any
) -> None:
    settings.VIGIL_RETENTION_DAYS = 30
    others = [
        Camera.objects.create(user=camera.user, name=f"c{number}", rtsp_url="rtsp://h/1", retention_days=days)
        for number, days in enumerate([None] * 10 + [7] * 10)
    ]
    for other in others:
        stored(other, 5)
    with django_assert_max_num_queries(4):  # the values, the cameras of each, and all of them for their space
        assert apply() == []
    stored(others[-1], 8)
    stored(others[0], 8)
    assert apply() == [Deleted(others[-1].pk, Reason.AGE, 1, 0)]


def test_large_deletions_use_several_transactions(
    camera: Camera, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    settings.VIGIL_RETENTION_DAYS = 30
    for _ in range(7):
        stored(camera, 31)
    pauses: list[float] = []
    assert retention_apply(now=NOW, pause=pauses.append)[0].alerts == 7
    assert len(pauses) == 3, "between them those who wait get their turn"


def test_space_limit_deletes_the_oldest_resolved_alerts(camera: Camera, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS = None
    camera.retention_megabytes = 1
    camera.save()
    open_alert = stored(camera, 9, size=400_000)
    oldest = stored(camera, 8, size=400_000, resolved=True)
    newer = stored(camera, 7, size=400_000, resolved=True)
    assert apply() == [Deleted(camera.pk, Reason.CAMERA_SPACE, 1, 400_000)]
    assert ids() == [open_alert.pk, newer.pk]
    assert oldest.pk not in ids()
    assert apply() == []


def test_space_limit_keeps_open_alerts_and_reports_it(
    camera: Camera, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.VIGIL_RETENTION_DAYS, settings.VIGIL_RETENTION_MEGABYTES = None, 1
    stored(camera, 9, size=2_000_000)
    assert apply() == []
    assert "remaining alerts are not resolved" in caplog.text


def test_full_disk_deletes_no_more_than_necessary(
    camera: Camera, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VIGIL_RETENTION_DAYS, settings.VIGIL_MEDIA_MAX_USED_PERCENT = None, 90
    for _ in range(3):
        stored(camera, 3, size=500_000, resolved=True)
    disk = namedtuple("disk", "f_blocks f_bavail f_frsize")
    monkeypatch.setattr("os.statvfs", lambda _: disk(10_000, 900, 4096))  # 91 % used: 409,600 bytes too many
    assert apply() == [Deleted(camera.pk, Reason.DISK_SPACE, 1, 500_000)]
    monkeypatch.setattr("os.statvfs", lambda _: disk(10_000, 1000, 4096))
    assert apply() == []


def test_read_only_storage_keeps_its_rows(
    camera: Camera, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stored(camera, 400)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert apply() == []
    assert len(ids()) == 1
    assert "the storage is not writable" in caplog.text


def test_run_updates_metrics_and_audit_log_once(camera: Camera, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS = 30
    counter = metrics.RETENTION_ALERTS.labels("age")
    before = counter._value.get()
    AuditEntry.objects.all()._raw_delete("default")
    for _ in range(2):
        stored(camera, 31, size=5000)
    apply()
    apply()
    assert counter._value.get() == before + 2
    entry = AuditEntry.objects.get()
    assert (entry.kind, entry.action, entry.via) == ("retention", "deleted", "system")
    assert entry.changes == {"age.alerts": [2, None], "age.bytes": [10_000, None], "cameras": [1, None]}


def test_dry_run_reports_the_same_and_deletes_nothing(camera: Camera, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS, settings.VIGIL_RETENTION_MEGABYTES = 30, 1
    stored(camera, 31, size=700_000, resolved=True)
    stored(camera, 3, size=700_000, resolved=True)
    stored(camera, 2, size=700_000, resolved=True)
    told = apply(dry_run=True)
    assert len(ids()) == 3
    assert (
        told
        == apply()
        == [
            Deleted(camera.pk, Reason.AGE, 1, 700_000),
            Deleted(camera.pk, Reason.CAMERA_SPACE, 1, 700_000),
        ]
    )


def test_command_reports_its_actions(camera: Camera, settings: Settings) -> None:
    settings.VIGIL_RETENTION_DAYS = 30
    stored(camera, 31, size=1_500_000)
    output = StringIO()
    call_command("apply_retention", "--dry-run", stdout=output)
    assert output.getvalue().splitlines() == [
        "ID  CAMERA  REASON  ALERTS    BYTES".replace("ID", "ID".rjust(len(str(camera.pk)))),
        f"{str(camera.pk).rjust(2)}  Gate    age          1  1500000",
        "1 alerts would be deleted, 1.5 MB",
    ]
    output = StringIO()
    call_command("apply_retention", "--output", "json", stdout=output)
    found = json.loads(output.getvalue())
    assert (found["dry_run"], [row["reason"] for row in found["deleted"]]) == (False, ["age"])
    assert ids() == []


def test_only_one_process_runs_a_housekeeping_task(camera: Camera) -> None:
    assert housekeeping.housekeeping_claim(name="sweep", now=NOW)
    assert not housekeeping.housekeeping_claim(name="sweep", now=NOW + timedelta(hours=5))
    assert housekeeping.housekeeping_claim(name="sweep", now=NOW + timedelta(hours=6))
    assert not housekeeping.housekeeping_claim(name="sweep", now=NOW + timedelta(hours=6))
    HousekeepingTask.objects.all().delete()
    assert housekeeping.housekeeping_turn(clock=lambda: NOW) == [
        "exports",
        "recording-retention",
        "recording-sweep",
        "recorded-clips",
        "retention",
        "sweep",
    ]
    assert housekeeping.housekeeping_turn(clock=lambda: NOW) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("retention_days", 0), ("retention_days", 3651), ("retention_megabytes", 0), ("retention_days", "a week")],
)
def test_invalid_limits_are_rejected(anna: Party, camera: Camera, field: str, value: object) -> None:
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {field: value})
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_limits_are_stored_shown_and_audited(anna: Party, camera: Camera) -> None:
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"retention_days": 14, "retention_megabytes": 5000})
    assert (answer.json()["retention_days"], answer.json()["retention_megabytes"]) == (14, 5000)
    assert AuditEntry.objects.first().changes == {  # type: ignore[union-attr]
        "retention_days": [None, 14],
        "retention_megabytes": [None, 5000],
    }
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"retention_days": None}).json()["retention_days"] is None
