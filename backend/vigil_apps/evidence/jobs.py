"""Make the exports that are queued. The table is the queue, so any number of processes may work on it.

A process claims an export by raising its number of attempts, and shows signs of life while it works. An export
without one for a while is taken up again; a process that was only suspended notices this and stops.
"""

import logging
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, cast

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.db.models import Q, QuerySet

from surveillance import images
from surveillance.images import StorageUnavailableError
from surveillance.models import Alert
from vigil_apps.audit.origin import acting_as
from vigil_apps.evidence.archive import ZipOutput
from vigil_apps.evidence.core import problems
from vigil_apps.evidence.core.keys import public_key_id
from vigil_apps.evidence.core.manifest import Order, Period
from vigil_apps.evidence.exports import stored_prefix
from vigil_apps.evidence.folder import Material, NothingRecordedError, evidence_export, evidence_material
from vigil_apps.evidence.models import CaseExport, ExportState
from vigil_apps.evidence.signing import NoSigningKeyError, signing_key
from vigil_apps.evidence.time_stamps import TimeStampError, time_stamp
from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
STALE = timedelta(seconds=60)
"""An export without a sign of life for this long is taken up again."""
_BEAT_SECONDS = 1.0
_STAMP_ATTEMPTS = 2
_READ_SHARE = 95
"""Percent of the progress when everything is read. The disk or the bucket may still have to write the last part."""
Clock = Callable[[], datetime]


class ExportGoneError(Exception):
    """The export was deleted, or another process has taken it up."""


class NoSpaceError(Exception):
    """The disk is too full for the export."""


def exports_turn(*, clock: Clock) -> int:
    """Make all exports that are due, one after the other; return their number."""
    done = 0
    while (export := export_claim(now=clock())) is not None:
        export_run(export, clock=clock)
        done += 1
    return done


def export_claim(*, now: datetime) -> CaseExport | None:
    """Claim the oldest export that is due; None if there is none."""
    due = Q(state=ExportState.QUEUED) | Q(state=ExportState.RUNNING, seen_at__lt=now - STALE)
    for found in CaseExport.objects.filter(due).order_by("id"):
        if found.attempts >= MOST_ATTEMPTS:
            _fail(found, problems.STOPPED, now)
            continue
        claimed = _own(found).update(state=ExportState.RUNNING, attempts=found.attempts + 1, seen_at=now, percent=0)
        if claimed:
            found.attempts += 1
            return found
    return None


def export_run(export: CaseExport, *, clock: Clock) -> None:
    """Make a claimed export, or note why it failed."""
    try:
        _make(export, clock)
    except ExportGoneError:
        logger.info("an export was deleted or taken up by another process; stopping", extra={"export": export.pk})
    except Exception as error:
        problem = _problem(error)
        if problem:
            logger.warning("an export failed: %s", problem, extra={"export": export.pk})
        else:
            logger.exception("an export failed", extra={"export": export.pk})
        _fail(export, problem or problems.UNEXPECTED, clock())


def _problem(error: Exception) -> str:
    """Return what the user is told; empty for an error that nobody expects."""
    if isinstance(error, NothingRecordedError):
        return problems.NOTHING_RECORDED
    if isinstance(error, InvalidRecordingError):
        return f"{problems.DAMAGED} {error}"
    if isinstance(error, OSError):
        return f"{problems.STORAGE_FAILED} {error.strerror or type(error).__name__}"
    if isinstance(error, StorageUnavailableError):
        return f"{problems.STORAGE_FAILED} {error}"
    return str(error) if isinstance(error, NoSigningKeyError | NoSpaceError) else ""


def _make(export: CaseExport, clock: Clock) -> None:
    key, now = signing_key(now=clock()), clock()
    life, stamp = _Life(export, clock), _Stamp()
    begin = stored_prefix(export)
    images.drop_unfinished(begin, begun_before=now)  # of a process that was killed
    stored_key = f"{begin}{uuid.uuid4().hex}.zip"
    case, material = export.case, _material(export)
    _require_space(material.size_bytes)
    with (
        images.writing(stored_key, size_bytes=material.size_bytes) as file,
        zipfile.ZipFile(cast("IO[bytes]", file), "w") as archive,
        acting_as(export.requested_by, name=str(export)) if export.requested_by is not None else nullcontext(),
    ):
        exported = evidence_export(
            material,
            order=Order(export.requested_by_name, case.title, case.reference, case.notes),
            output=ZipOutput(archive, name=f"case-{export.case_id}-export-{export.pk}", now=now),
            key=key,
            now=now,
            progress=life.read,
            stamp=stamp,
        )
    finished = _own(export).update(
        state=ExportState.DONE,
        percent=100,
        finished_at=clock(),
        key=stored_key,
        size_bytes=images.size(stored_key) or 0,
        manifest_sha256=exported.manifest_sha256,
        key_id=public_key_id(key),
        has_time_stamp=stamp.is_made,
        time_stamp_problem=stamp.problem,
    )
    if not finished:
        images.delete(stored_key)
        raise ExportGoneError


def _material(export: CaseExport) -> Material:
    items = list(export.case.items.all())
    alert_ids = [one.alert_id for one in items if one.alert_id is not None]
    return evidence_material(
        [Period(one.camera_id, _ms(one.start), _ms(one.end)) for one in items],
        list(Alert.objects.filter(pk__in=alert_ids).select_related("camera").defer("camera__rtsp_url")),
    )


def _require_space(needed_bytes: int) -> None:
    """Raise NoSpaceError if the export would fill the disk, or make retention delete something for it."""
    if not isinstance(storages["default"], FileSystemStorage):
        return
    folder = Path(default_storage.path(""))
    folder.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(folder)
    reserved = disk.total * (100 - settings.VIGIL_MEDIA_MAX_USED_PERCENT) // 100
    if disk.free - needed_bytes < reserved:
        raise NoSpaceError(f"{problems.NO_SPACE} {needed_bytes / 1e9:.1f} GB")


class _Stamp:
    """Asks the configured authority for a time stamp, and notes why there is none."""

    def __init__(self) -> None:
        self.is_made, self.problem = False, ""

    def __call__(self, signature: bytes) -> bytes | None:
        """Return the authority's answer. The export is complete without one: it can be made later."""
        if not settings.VIGIL_TIMESTAMP_URL:
            return None
        for _ in range(_STAMP_ATTEMPTS):
            try:
                answer = time_stamp(signature, url=settings.VIGIL_TIMESTAMP_URL)
            except TimeStampError as error:
                self.problem = str(error)
            else:
                self.is_made, self.problem = True, ""
                return answer
        logger.warning("an export has no time stamp: %s", self.problem)
        return None


class _Life:
    """Stores the progress, at most once a second, as a sign of life. Methods raise ExportGoneError."""

    def __init__(self, export: CaseExport, clock: Clock) -> None:
        self._export, self._clock = export, clock
        self._next = 0.0

    def read(self, done: int, total: int) -> None:
        """Note that so many bytes of all recordings are read, and written, except for what is still in memory."""
        self._note(_READ_SHARE * done // total)

    def _note(self, percent: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _BEAT_SECONDS
        if not _own(self._export).update(percent=percent, seen_at=self._clock()):
            raise ExportGoneError


def _own(export: CaseExport) -> QuerySet[CaseExport]:
    """Return the export, if no other process has claimed it since this one did."""
    return CaseExport.objects.filter(
        pk=export.pk, attempts=export.attempts, state__in=(ExportState.QUEUED, ExportState.RUNNING)
    )


def _fail(export: CaseExport, problem: str, now: datetime) -> None:
    _own(export).update(state=ExportState.FAILED, problem=problem[:500], finished_at=now)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
