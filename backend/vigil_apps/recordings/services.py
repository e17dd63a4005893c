"""Write the index of recordings."""

from collections.abc import Sequence
from typing import Any, cast

from django.core.files.storage import default_storage
from django.db import transaction

from surveillance.images import StorageUnavailableError
from surveillance.models import Camera
from surveillance.storages import S3_ERRORS
from vigil_apps.recordings import metrics
from vigil_apps.recordings.clips import clips_name
from vigil_apps.recordings.index import segments_add
from vigil_apps.recordings.models import RecordedSegment, RecordingGap
from vigil_apps.recordings.partitions import partitions_create
from vigil_contracts.recording import (
    RecordedSegment as Registered,
)
from vigil_contracts.recording import (
    RecordingBatch,
    RegisteredRecordings,
    recording_key,
)

UPLOAD_SECONDS = 300


class NoSuchCameraError(Exception):
    """The camera was deleted meanwhile."""


def recordings_register(*, camera_id: int, batch: RecordingBatch) -> RegisteredRecordings:
    """Add segments whose files are stored, gaps, and the clips of alerts, exactly once; return which.

    Raises NoSuchCameraError, or StorageUnavailableError.
    """
    starts = [one.start_ms for one in batch.segments]
    known = _known(camera_id, starts)
    present = [one for one in batch.segments if one.start_ms not in known and _is_stored(camera_id, one)]
    partitions_create(one.start_ms for one in present)
    with transaction.atomic():
        # One writer per camera. Not FOR UPDATE: that would block alerts, which refer to the camera.
        if Camera.objects.select_for_update(no_key=True).filter(pk=camera_id).values_list("pk").first() is None:
            raise NoSuchCameraError
        known |= _known(camera_id, starts)
        new = list({one.start_ms: one for one in present if one.start_ms not in known}.values())
        segments_add(camera_id, new)
        _insert_gaps(camera_id, batch)
        clips = clips_name(camera_id=camera_id, clips=batch.clips)
    stored = known | {one.start_ms for one in new}
    metrics.SEGMENTS.inc(len(new))
    return RegisteredRecordings(
        stored=tuple(start for start in starts if start in stored),
        missing=tuple(start for start in starts if start not in stored),
        clips=tuple(clips),
    )


def upload_urls(*, camera_id: int, starts_ms: Sequence[int]) -> dict[int, str]:
    """Return a signed URL to PUT each segment to; empty if the storage is a directory.

    Raises StorageUnavailableError.
    """
    connection = getattr(default_storage, "connection", None)
    if connection is None:
        return {}
    storage = cast("Any", default_storage)
    try:
        return {
            start: connection.meta.client.generate_presigned_url(
                "put_object",
                Params={"Bucket": storage.bucket_name, "Key": _full_key(storage, recording_key(camera_id, start))},
                ExpiresIn=UPLOAD_SECONDS,
            )
            for start in starts_ms
        }
    except S3_ERRORS as error:
        raise StorageUnavailableError(f"it cannot be linked: {type(error).__name__}") from error


def _full_key(storage: Any, key: str) -> str:
    return f"{storage.location.rstrip('/')}/{key}" if storage.location else key


def _known(camera_id: int, starts: Sequence[int]) -> set[int]:
    found = RecordedSegment.objects.filter(camera_id=camera_id, start_ms__in=starts)
    return set(found.values_list("start_ms", flat=True))


def _is_stored(camera_id: int, segment: Registered) -> bool:
    """Return whether the whole file is in the storage."""
    try:
        return bool(default_storage.size(recording_key(camera_id, segment.start_ms)) == segment.size_bytes)
    except FileNotFoundError:
        return False
    except (OSError, *S3_ERRORS) as error:
        raise StorageUnavailableError(f"it cannot be read: {type(error).__name__}") from error


def _insert_gaps(camera_id: int, batch: RecordingBatch) -> None:
    """Store gaps; one that is sent again with another end is corrected."""
    rows = {
        one.start_ms: RecordingGap(camera_id=camera_id, start_ms=one.start_ms, end_ms=one.end_ms, reason=one.reason)
        for one in batch.gaps
    }
    RecordingGap.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["camera_id", "start_ms"],
        update_fields=["end_ms", "reason"],
    )
