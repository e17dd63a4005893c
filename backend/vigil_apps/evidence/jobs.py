"""Make the exports that are queued. The table is the queue, so any number of processes may work on it.

A process claims an export by raising its number of attempts, and shows signs of life while it works. An export
without one for a while is taken up again; a process that was only suspended notices this and stops.
"""

import hashlib
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.db.models import Q, QuerySet

from surveillance import images
from surveillance.images import StorageUnavailableError
from surveillance.models import Alert
from vigil_apps.audit.origin import acting_as
from vigil_apps.evidence.archive import pack, store
from vigil_apps.evidence.core import problems
from vigil_apps.evidence.core.keys import public_key_id
from vigil_apps.evidence.core.manifest import Order, Period
from vigil_apps.evidence.exports import ROOT
from vigil_apps.evidence.folder import NothingRecordedError, evidence_export
from vigil_apps.evidence.models import CaseExport, ExportState
from vigil_apps.evidence.signing import NoSigningKeyError, signing_key
from vigil_apps.evidence.time_stamps import TimeStampError, time_stamp
from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError
from vigil_contracts.evidence_verifier import MANIFEST

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
STALE = timedelta(seconds=60)
"""An export without a sign of life for this long is taken up again."""
_BEAT_SECONDS = 1.0
_STAMP_ATTEMPTS = 2
_VIDEO_SHARE = 70
"""Percent of the progress that stands for the videos; the rest is the archive."""
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
    key = signing_key(now=clock())
    life = _Life(export, clock)
    name = f"case-{export.case_id}-export-{export.pk}"
    stored_key = f"{ROOT}/{uuid.uuid4().hex}.zip"
    with _work_folder(export) as work:
        folder, archive = work / name, work / f"{name}.zip"
        folder.mkdir()
        stamp = _Stamp()
        _write_folder(export, folder, key, life, clock, stamp)
        manifest_sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        life.begin_archive(sum(path.stat().st_size for path in folder.iterdir()))
        pack(folder, archive, name=name, alive=life.packed)
        size_bytes = archive.stat().st_size
        store(archive, stored_key, alive=life.packed)
    finished = _own(export).update(
        state=ExportState.DONE,
        percent=100,
        finished_at=clock(),
        key=stored_key,
        size_bytes=size_bytes,
        manifest_sha256=manifest_sha256,
        key_id=public_key_id(key),
        has_time_stamp=stamp.is_made,
        time_stamp_problem=stamp.problem,
    )
    if not finished:
        images.delete(stored_key)
        raise ExportGoneError


def _write_folder(
    export: CaseExport, folder: Path, key: Ed25519PrivateKey, life: "_Life", clock: Clock, stamp: "_Stamp"
) -> None:
    case, items = export.case, list(export.case.items.all())
    alert_ids = [one.alert_id for one in items if one.alert_id is not None]

    def progress(done: int, total: int) -> None:
        if not done:
            _require_space(folder, total)
        life.read(done, total)

    with acting_as(export.requested_by, name=str(export)) if export.requested_by is not None else nullcontext():
        evidence_export(
            periods=[Period(one.camera_id, _ms(one.start), _ms(one.end)) for one in items],
            alerts=list(Alert.objects.filter(pk__in=alert_ids).select_related("camera").defer("camera__rtsp_url")),
            order=Order(export.requested_by_name, case.title, case.reference, case.notes),
            folder=folder,
            key=key,
            now=clock(),
            progress=progress,
            stamp=stamp,
        )


@contextmanager
def _work_folder(export: CaseExport) -> Iterator[Path]:
    """Yield an empty folder, on the disk of the storage if it is a directory; delete it afterwards."""
    if not _is_directory():
        with tempfile.TemporaryDirectory(prefix="vigil-export-") as folder:
            yield Path(folder)
        return
    parent = Path(default_storage.path(f"{ROOT}/work/{export.pk}"))
    shutil.rmtree(parent, ignore_errors=True)  # of a process that was killed
    folder_path = parent / str(export.attempts)
    folder_path.mkdir(parents=True)
    try:
        yield folder_path
    finally:
        shutil.rmtree(folder_path, ignore_errors=True)
        with suppress(OSError):
            parent.rmdir()


def _require_space(folder: Path, needed_bytes: int) -> None:
    """Raise NoSpaceError if the export would fill the disk, or make retention delete something for it."""
    disk = shutil.disk_usage(folder)
    left = disk.free - 2 * needed_bytes  # for a moment the largest video is there twice
    reserved = disk.total * (100 - settings.VIGIL_MEDIA_MAX_USED_PERCENT) // 100 if _is_directory() else 0
    if left < reserved:
        raise NoSpaceError(f"{problems.NO_SPACE} {needed_bytes / 1e9:.1f} GB")


def _is_directory() -> bool:
    return isinstance(storages["default"], FileSystemStorage)


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
        self._size = self._packed = 0

    def read(self, done: int, total: int) -> None:
        """Note that so many bytes of all recordings are read."""
        self._note(_VIDEO_SHARE * done // total)

    def begin_archive(self, size_bytes: int) -> None:
        """Begin to pack and store so many bytes."""
        self._size = max(size_bytes, 1)

    def packed(self, count: int) -> None:
        """Note that so many more bytes are packed or stored."""
        self._packed += count
        self._note(min(99, _VIDEO_SHARE + (100 - _VIDEO_SHARE) * self._packed // (2 * self._size)))

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
