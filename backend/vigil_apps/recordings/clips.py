"""Clips of alerts that are parts of recordings, so that no second copy is stored.

An alert names the part; retention keeps it for as long as the alert exists. Players need a file, so a clip is joined
from its segments when it is first requested, and kept for a day. See `docs/decisions/0021-clips-in-recordings.md`.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction

from surveillance import images
from surveillance.models import Alert
from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError
from vigil_apps.recordings.core.mp4_join import clip_of
from vigil_apps.recordings.core.playlist import Item
from vigil_apps.recordings.core.timeline import ADJACENT_MS
from vigil_apps.recordings.retention import ALERT_MARGIN_MS
from vigil_apps.recordings.selectors import recorded_segments
from vigil_contracts.recording import CLIP_EDGE_MS, RecordedClip, recording_key

logger = logging.getLogger(__name__)

ROOT = "recorded-clips"
_KEPT_FOR = timedelta(days=1)
_MOST_BYTES_KEPT = 2 * 10**9
_MOST_BYTES_JOINED = 64_000_000
"""A clip is joined in memory. One with more bytes in its segments needs a file of its own."""


def clips_name(*, camera_id: int, clips: Sequence[RecordedClip]) -> list[str]:
    """Let alerts name the parts of the recording that are their clips; return the events that have a clip now.

    The caller holds the camera's lock, as retention does: what the index contains now is kept.
    """
    alerts = Alert.objects.filter(camera=camera_id, event_id__in=[one.event_id for one in clips])
    by_event = {alert.event_id: alert for alert in alerts}
    named = []
    for clip in clips:
        alert = by_event.get(clip.event_id)
        if alert is not None and (alert.has_clip or _name(alert, clip)):
            named.append(clip.event_id)
    return named


def _name(alert: Alert, clip: RecordedClip) -> bool:
    """Return whether the recording contains the clip, and let the alert name it unless it has one meanwhile."""
    items = _segments(alert.camera_id, clip.start_ms, clip.end_ms)
    at_ms = round(alert.timestamp.timestamp() * 1000)
    if not clip.start_ms - ALERT_MARGIN_MS <= at_ms <= clip.end_ms + ALERT_MARGIN_MS or not _contains(items, clip):
        return False
    shares = (_overlap(one, clip) * one.size_bytes // one.duration_ms for one in items)
    Alert.objects.filter(pk=alert.pk, clip="", clip_start_ms=None).update(
        clip_start_ms=clip.start_ms, clip_end_ms=clip.end_ms, clip_bytes=sum(shares)
    )
    return True


def _contains(items: Sequence[Item], clip: RecordedClip) -> bool:
    """Return whether the segments are one video without a gap that has the clip from its begin to its end."""
    if not items or sum(one.size_bytes for one in items) > _MOST_BYTES_JOINED:
        return False
    return (
        items[0].start_ms <= clip.start_ms + CLIP_EDGE_MS
        and items[-1].end_ms >= clip.end_ms - CLIP_EDGE_MS
        and all(one.init_id == items[0].init_id for one in items)
        and all(later.start_ms - one.end_ms <= ADJACENT_MS for one, later in pairwise(items))
    )


def _overlap(item: Item, clip: RecordedClip) -> int:
    return min(item.end_ms, clip.end_ms) - max(item.start_ms, clip.start_ms)


def _segments(camera_id: int, start_ms: int, end_ms: int) -> list[Item]:
    return list(recorded_segments(camera_id=camera_id, first_ms=start_ms, last_ms=end_ms))


def recorded_clip(alert: Alert) -> bytes | None:
    """Return the MP4 of a clip that is a part of the recording; None if there is none, or the storage has lost it.

    Raises images.StorageUnavailableError.
    """
    if alert.clip_start_ms is None or alert.clip_end_ms is None:
        return None
    items = _segments(alert.camera_id, alert.clip_start_ms, alert.clip_end_ms)
    contents = [images.read(recording_key(alert.camera_id, one.start_ms)) for one in items]
    try:
        return clip_of(
            [one for one in contents if one is not None], begin_ms=alert.clip_start_ms, end_ms=alert.clip_end_ms
        )
    except InvalidRecordingError as error:
        logger.warning("an alert has no clip because its recording is lost: %s", error, extra={"alert": alert.pk})
        return None


def recorded_clip_key(alert: Alert) -> str:
    """Return the key of a clip that is a part of the recording; the first call makes the file. Empty: as for None.

    Raises images.StorageUnavailableError.
    """
    key = _key(alert)
    if not key or images.size(key) is not None:
        return key
    content = recorded_clip(alert)
    if content is None:
        return ""
    images.replace(key, content)
    return key


def recorded_clips_sweep(*, now: datetime) -> int:
    """Delete the files that are older than a day, and the oldest above 2 GB; return their number.

    Raises OSError, or one of S3's errors.
    """
    files = sorted(images.media_storage().stored_files(ROOT), key=lambda one: one.modified_at, reverse=True)
    total, gone = 0, []
    for one in files:
        total += one.size_bytes
        if total > _MOST_BYTES_KEPT or one.modified_at < now - _KEPT_FOR:
            gone.append(one.key)
    images.delete_many(gone)
    return len(gone)


def delete_recorded_clip(instance: Alert, **_: Any) -> None:
    """Delete the file of a clip after the deletion of its alert is committed."""
    if key := _key(instance):
        transaction.on_commit(lambda: images.delete(key), robust=True)


def _key(alert: Alert) -> str:
    """Return the key of the file. It names the part, so that a restored database finds no other clip."""
    if alert.clip_start_ms is None:
        return ""
    return f"{ROOT}/{alert.pk}-{alert.clip_start_ms}-{alert.clip_end_ms}.mp4"
