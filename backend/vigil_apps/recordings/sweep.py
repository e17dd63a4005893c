"""Prove that no recorded file is without a row and no row without a file, hour by hour, and correct what differs."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePosixPath

from django.core.files.storage import default_storage

from surveillance import images
from surveillance.selectors.holds import held_periods
from surveillance.storages import StoredFile
from vigil_apps.recordings import metrics
from vigil_apps.recordings.index import segments_delete
from vigil_apps.recordings.models import HOUR_MS, RecordedSegment, RecordedSpan, RecordingGap
from vigil_contracts.recording import MAX_SEGMENT_SECONDS, GapReason, recording_key

logger = logging.getLogger(__name__)

ROOT = "recordings"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found: files without a row (deleted) and rows without a file (deleted, and now a gap)."""

    files: int = 0
    orphans: int = 0
    missing: int = 0


def recordings_sweep(*, written_before: datetime) -> Swept:
    """Compare all files with all rows. Raises OSError, or one of S3's errors.

    Files that are written after `written_before` are not considered: their row may not be committed yet.
    """
    files = orphans = missing = 0
    seen: set[tuple[int, int]] = set()
    for folder, found in _by_folder(images.media_storage().stored_files(ROOT)):
        files += len(found)
        hour = _hour_of(folder)
        rows = _starts_in(*hour) if hour is not None else set[int]()
        if hour is not None:
            seen.add(hour)
            missing += _delete_rows(hour[0], rows - {_start_of(one.key) for one in found})
        gone = [one for one in found if one.modified_at < written_before and _start_of(one.key) not in rows]
        if gone and hour is not None:
            gone = _not_held(*hour, gone)
        images.delete_many([one.key for one in gone])
        orphans += len(gone)
    for hour in _indexed_hours():
        if hour not in seen:
            missing += _delete_rows(hour[0], _starts_in(*hour))
    images.media_storage().drop_empty_folders(ROOT, unchanged_since=written_before)
    metrics.SWEPT_FILES.inc(orphans)
    metrics.MISSING_FILES.inc(missing)
    if orphans or missing:
        logger.warning(
            "the sweep of recordings corrected differences", extra={"orphans": orphans, "missing": missing}
        )
    return Swept(files, orphans, missing)


def _by_folder(files: Iterable[StoredFile]) -> Iterator[tuple[str, list[StoredFile]]]:
    """Yield the files by folder. Directories are listed one by one, and buckets in the order of their keys."""
    for folder, found in groupby(files, key=lambda one: str(PurePosixPath(one.key).parent)):
        yield folder, list(found)


def _hour_of(folder: str) -> tuple[int, int] | None:
    """Return camera and hour (in hours since 1970) of a folder; None if it is none of ours."""
    try:
        _, camera, *numbers = folder.split("/")
        year, month, day, hour = map(int, numbers)
        return int(camera), round(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) // 3600
    except ValueError:
        return None


def _start_of(key: str) -> int:
    stem = PurePosixPath(key).stem
    return int(stem) if stem.isdigit() else -1


def _not_held(camera_id: int, hour: int, orphans: list[StoredFile]) -> list[StoredFile]:
    """Return the files outside the camera's legal holds: the index may come from a backup that is older than they."""
    longest = MAX_SEGMENT_SECONDS * 1000
    periods = held_periods(camera_id=camera_id, first_ms=hour * HOUR_MS, last_ms=(hour + 1) * HOUR_MS + longest)
    gone = [
        one for one in orphans if not any(first - longest <= _start_of(one.key) <= last for first, last in periods)
    ]
    if kept := len(orphans) - len(gone):
        logger.warning(
            "recorded files without an index entry are kept because of a legal hold",
            extra={"camera": camera_id, "files": kept},
        )
    return gone


def _starts_in(camera_id: int, hour: int) -> set[int]:
    rows = RecordedSegment.objects.filter(
        camera_id=camera_id, start_ms__gte=hour * HOUR_MS, start_ms__lt=(hour + 1) * HOUR_MS
    )
    return set(rows.values_list("start_ms", flat=True))


def _indexed_hours() -> Iterator[tuple[int, int]]:
    """Yield camera and hour of all spans."""
    spans = RecordedSpan.objects.order_by().values_list("camera_id", "start_ms")
    yield from {(camera, start // HOUR_MS) for camera, start in spans.iterator(chunk_size=5000)}


def _delete_rows(camera_id: int, starts: set[int]) -> int:
    """Delete the rows whose files are certainly missing, and note the gaps; return their number."""
    gone = {start for start in starts if not default_storage.exists(recording_key(camera_id, start))}
    if not gone:
        return 0
    by_span: dict[int, list[RecordedSegment]] = defaultdict(list)
    for segment in RecordedSegment.objects.filter(camera_id=camera_id, start_ms__in=gone):
        by_span[segment.span_id].append(segment)
    for span in RecordedSpan.objects.filter(pk__in=by_span):
        segments_delete(span, by_span[span.pk])
        RecordingGap.objects.bulk_create(
            [
                RecordingGap(
                    camera_id=camera_id,
                    start_ms=one.start_ms,
                    end_ms=one.start_ms + one.duration_ms,
                    reason=GapReason.STORAGE_LOST.value,
                )
                for one in by_span[span.pk]
            ],
            ignore_conflicts=True,
        )
    return len(gone)
