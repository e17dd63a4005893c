"""Retention: delete alerts by age, by the space of each camera, and by the space of the disk.

Age deletes alerts in any state, except a camera's open `camera_offline` alert, which describes the present. Space
deletes only resolved alerts, the oldest first, so that a busy camera does not displace unhandled alerts. If that does
not free enough space, a warning is logged and nothing else is deleted. Alerts with a legal hold are never deleted.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Sum, When

from surveillance import images, metrics
from surveillance.models import Alert, Camera
from surveillance.selectors.holds import without_hold
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import note
from vigil_contracts.names import AlertType

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
BATCH = 200
"""Alerts deleted per transaction: it takes a few milliseconds, during which SQLite blocks detectors."""
PAUSE_SECONDS = 0.02
"""Pause between two transactions, in which waiting writers get their turn."""
_OPEN_OUTAGE = Q(alert_type=AlertType.CAMERA_OFFLINE.value, resolved=False)
_IN_RECORDING = Case(When(clip="", then=F("clip_bytes")), default=0)
"""The size of a clip that is a part of the camera's recording: it takes no space of its own."""
_SIZE = F("image_bytes") + F("clip_bytes") - _IN_RECORDING
_LEAST_BYTES = 4096
"""Assumed minimum size of a file; alerts stored before sizes were recorded have no size."""


class Reason(StrEnum):
    """The reason for deleting alerts."""

    AGE = "age"
    CAMERA_SPACE = "camera_space"
    DISK_SPACE = "disk_space"


@dataclass(frozen=True, slots=True)
class Deleted:
    """Alerts of one camera that were, or would be, deleted."""

    camera_id: int
    reason: Reason
    alerts: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    camera_id: int
    size_bytes: int
    recorded_bytes: int
    """What its clip takes of the recording, which is free to be deleted after it."""


def retention_apply(
    *, now: datetime, dry_run: bool = False, pause: Callable[[float], None] = time.sleep
) -> list[Deleted]:
    """Delete what exceeds age or space limits; return it by camera and reason.

    Uses small transactions, each leaving a consistent state; files are deleted after their rows are certainly gone.
    """
    problem = images.media_storage().problem()
    if problem:  # the rows would be deleted but not their files
        logger.warning("retention deletes nothing because the storage is %s", problem)
        return []
    work = _Work(dry_run=dry_run, pause=pause)
    try:
        _by_age(work, now)
        for camera in Camera.objects.only("retention_megabytes").order_by("id"):
            _by_camera_space(work, camera)
        _by_disk_space(work)
    finally:
        work.report()
    return work.deleted()


class _Work:
    """Deletes batches and counts them."""

    def __init__(self, *, dry_run: bool, pause: Callable[[float], None]) -> None:
        self.dry_run = dry_run
        self._pause = pause
        self._counts: dict[tuple[int, Reason], list[int]] = defaultdict(lambda: [0, 0])
        self._would_be_gone: set[int] = set()

    def batches(self, alerts: QuerySet[Alert]) -> Iterator[list[_Row]]:
        """Yield the first batch repeatedly until none is left: the caller deletes each."""
        columns = without_hold(alerts).values_list("pk", "camera_id", _SIZE, _IN_RECORDING)
        if self.dry_run:
            rows = (_Row(*row) for row in columns.iterator(chunk_size=2000) if row[0] not in self._would_be_gone)
            while batch := list(islice(rows, BATCH)):
                yield batch
        else:
            while batch := [_Row(*row) for row in columns[:BATCH]]:
                yield batch

    def delete(self, rows: list[_Row], reason: Reason) -> None:
        """Delete the rows in one transaction."""
        if self.dry_run:
            self._would_be_gone.update(row.pk for row in rows)
        else:
            with transaction.atomic():
                Alert.objects.filter(pk__in=[row.pk for row in rows]).delete()
            self._pause(PAUSE_SECONDS)
        for row in rows:
            count = self._counts[row.camera_id, reason]
            count[0] += 1
            count[1] += row.size_bytes

    def delete_until(self, excess_bytes: int, alerts: QuerySet[Alert], reason: Reason) -> int:
        """Delete the first alerts until they make up for the excess; return the remaining excess."""
        if excess_bytes <= 0:
            return 0
        for rows in self.batches(alerts):
            needed: list[_Row] = []
            for row in rows:
                if excess_bytes > 0:
                    needed.append(row)
                    recorded_bytes = row.recorded_bytes if reason is Reason.DISK_SPACE else 0
                    excess_bytes -= max(row.size_bytes + recorded_bytes, _LEAST_BYTES)
            self.delete(needed, reason)
            if excess_bytes <= 0:
                return 0
        return excess_bytes

    def would_be_freed(self, camera_id: int) -> int:
        """Return the bytes that a dry run has counted, since its rows still exist."""
        if not self.dry_run:
            return 0
        return sum(size for (camera, _), (_, size) in self._counts.items() if camera == camera_id)

    def deleted(self) -> list[Deleted]:
        """Return the deleted alerts by camera and reason."""
        return [Deleted(*key, *count) for key, count in sorted(self._counts.items())]

    def report(self) -> None:
        """Update metrics, log and audit log: one entry for the run, not one per camera."""
        if self.dry_run or not self._counts:
            return
        shown: dict[str, int] = {}
        for reason in Reason:
            found = [item for item in self.deleted() if item.reason == reason]
            alerts, size = sum(item.alerts for item in found), sum(item.size_bytes for item in found)
            if alerts:
                metrics.RETENTION_ALERTS.labels(reason).inc(alerts)
                metrics.RETENTION_BYTES.labels(reason).inc(size)
                shown |= {f"{reason}.alerts": alerts, f"{reason}.bytes": size}
        shown["cameras"] = len({item.camera_id for item in self.deleted()})
        logger.info("retention deleted alerts", extra=shown)
        note(kind="retention", action=Action.DELETED, object_id="", object_name="alerts", before=shown)


def _by_age(work: _Work, now: datetime) -> None:
    """Delete by age. Few cameras have old alerts: the database finds them with one index probe each."""
    for own_days in Camera.objects.order_by().values_list("retention_days", flat=True).distinct():
        days = own_days or settings.VIGIL_RETENTION_DAYS
        if not days:
            continue
        old = Alert.objects.filter(received_at__lt=now - timedelta(days=days)).exclude(_OPEN_OUTAGE)
        cameras = Camera.objects.filter(retention_days=own_days).filter(Exists(old.filter(camera=OuterRef("pk"))))
        for camera_id in list(cameras.order_by("id").values_list("pk", flat=True)):
            for rows in work.batches(old.filter(camera=camera_id).order_by("received_at", "id")):
                work.delete(rows, Reason.AGE)


def _by_camera_space(work: _Work, camera: Camera) -> None:
    megabytes = camera.retention_megabytes or settings.VIGIL_RETENTION_MEGABYTES
    if not megabytes:
        return
    kept = Alert.objects.filter(camera=camera.pk)
    used = (kept.aggregate(size=Sum(_SIZE))["size"] or 0) - work.would_be_freed(camera.pk)
    left = work.delete_until(used - megabytes * MEGABYTE, _resolved_alerts(kept), Reason.CAMERA_SPACE)
    if left > 0:
        logger.warning(
            "a camera's images and clips exceed their limit, and the remaining alerts are not resolved or held",
            extra={"camera": camera.pk, "bytes_too_many": left},
        )


def _by_disk_space(work: _Work) -> None:
    """Delete by disk space. The excess is read once per run, in case other programs fill the disk."""
    excess = images.media_storage().excess_bytes(max_used_percent=settings.VIGIL_MEDIA_MAX_USED_PERCENT)
    left = work.delete_until(excess, _resolved_alerts(Alert.objects.all()), Reason.DISK_SPACE)
    if left > 0:
        logger.warning(
            "the disk is above VIGIL_MEDIA_MAX_USED_PERCENT, and the remaining alerts are not resolved or held"
        )


def _resolved_alerts(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    """Return resolved alerts with files, the oldest first; alerts without a file free no space."""
    return alerts.filter(resolved=True).exclude(image="", clip="", clip_start_ms=None).order_by("id")
