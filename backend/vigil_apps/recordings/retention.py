"""Delete recordings by age, by the space of each camera, and by the space of the disk; the oldest hours first.

One transaction deletes at most an hour of one camera, and files are deleted after it. What an alert shows is kept for
as long as the alert exists; if the disk is full, only its clip. What a legal hold names is always kept.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from surveillance import images
from surveillance.models import Alert, Camera
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.holds import held_periods
from vigil_apps.recordings import metrics
from vigil_apps.recordings.index import segments_delete, segments_of
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan, RecordingGap
from vigil_apps.recordings.partitions import partitions_drop_empty
from vigil_apps.sites.recording_limits import limits_of
from vigil_contracts.recording import MAX_CLIP_SECONDS

logger = logging.getLogger(__name__)

GIGABYTE = 10**9
PAUSE_SECONDS = 0.02
"""Pause between two transactions, in which waiting writers get their turn."""
ALERT_MARGIN_MS = 15_000
"""Recordings this close to an alert are kept with it."""
_LOOKED_AT_AGAIN = timedelta(days=1)
"""How often it is checked whether the alerts still exist for which recordings are kept longer."""
_GAPS_AT_ONCE = 1000


class Why(StrEnum):
    """The reason for deleting recordings."""

    AGE = "age"
    CAMERA_SPACE = "camera_space"
    DISK_SPACE = "disk_space"
    NO_CAMERA = "no_camera"


def recordings_retain(*, now: datetime, pause: Callable[[float], None] = time.sleep) -> int:
    """Delete what exceeds the limits; return the number of bytes."""
    problem = images.media_storage().problem()
    if problem:  # the rows would be deleted but not their files
        logger.warning("retention deletes no recordings because the storage is %s", problem)
        return 0
    work = _Work(now, pause)
    for camera in Camera.objects.select_related("site").only("recording", "site__recording").order_by("id"):
        limits = limits_of(recording_of(camera), camera.site)
        if limits.days is not None:
            work.by_age(camera.pk, now - timedelta(days=limits.days.value))
        if limits.gigabytes is not None:
            work.by_space(camera.pk, limits.gigabytes.value * GIGABYTE)
    work.of_no_camera()
    work.by_disk()
    oldest = RecordedSpan.objects.order_by("start_ms").values_list("start_ms", flat=True).first()
    partitions_drop_empty(before_ms=min(oldest or _ms(now), _ms(now - timedelta(days=8))))
    return work.deleted_bytes


class _Work:
    """Deletes spans and counts them."""

    def __init__(self, now: datetime, pause: Callable[[float], None]) -> None:
        self._now, self._pause = now, pause
        self.deleted_bytes = 0

    def by_age(self, camera_id: int, before: datetime) -> None:
        old = RecordedSpan.objects.filter(
            camera_id=camera_id, end_ms__lt=_ms(before), kept_until_ms__lt=_ms(self._now)
        )
        for span in _each(old):
            self._delete(span, Why.AGE, keeps_alerts=True)
        self._delete_gaps(camera_id, _ms(before))

    def by_space(self, camera_id: int, limit_bytes: int) -> None:
        spans = RecordedSpan.objects.filter(camera_id=camera_id)
        excess = (spans.aggregate(size=Sum("size_bytes"))["size"] or 0) - limit_bytes
        self._delete_until(
            excess, spans.filter(kept_until_ms__lt=_ms(self._now)), Why.CAMERA_SPACE, keeps_alerts=True
        )

    def by_disk(self) -> None:
        excess = images.media_storage().excess_bytes(max_used_percent=settings.VIGIL_MEDIA_MAX_USED_PERCENT)
        self._delete_until(excess, RecordedSpan.objects.all(), Why.DISK_SPACE, keeps_alerts=False)

    def of_no_camera(self) -> None:
        """Delete the recordings of cameras that were deleted."""
        known = Camera.objects.values("pk")
        for span in _each(RecordedSpan.objects.exclude(camera_id__in=known)):
            self._delete(span, Why.NO_CAMERA, keeps_alerts=False)
        while gone := list(
            RecordingGap.objects.exclude(camera_id__in=known).values_list("pk", flat=True)[:_GAPS_AT_ONCE]
        ):
            RecordingGap.objects.filter(pk__in=gone).delete()
            self._pause(PAUSE_SECONDS)

    def _delete_until(self, excess: int, spans: QuerySet[RecordedSpan], why: Why, *, keeps_alerts: bool) -> None:
        if excess <= 0:
            return
        for span in _each(spans):
            excess -= self._delete(span, why, keeps_alerts=keeps_alerts)
            if excess <= 0:
                return
        logger.warning(
            "recordings exceed their space, and what is left belongs to alerts or legal holds",
            extra={"bytes": excess},
        )

    def _delete(self, span: RecordedSpan, why: Why, *, keeps_alerts: bool) -> int:
        """Delete a span, or what no alert needs of it; return the number of bytes.

        `keeps_alerts`: also what surrounds an alert without being its clip.
        """
        with transaction.atomic():
            # As a new legal hold does: what exists when it is confirmed is kept.
            Camera.objects.select_for_update(no_key=True).filter(pk=span.camera_id).values_list("pk").first()
            segments = segments_of(span)
            kept = _held(span, segments) | _shown_by_alerts(span, segments, clips_only=not keeps_alerts)
            gone = [one for one in segments if one.start_ms not in kept]
            left = segments_delete(span, gone) if gone else [span]
            until = _ms(self._now + _LOOKED_AT_AGAIN)
            RecordedSpan.objects.filter(pk__in=[one.pk for one in left]).update(kept_until_ms=until)
        images.delete_many([one.key for one in gone])
        size = sum(one.size_bytes for one in gone)
        self.deleted_bytes += size
        metrics.DELETED_BYTES.labels(why).inc(size)
        self._pause(PAUSE_SECONDS)
        return size

    def _delete_gaps(self, camera_id: int, before_ms: int) -> None:
        old = RecordingGap.objects.filter(camera_id=camera_id, start_ms__lt=before_ms, end_ms__lt=before_ms)
        for start, end in held_periods(camera_id=camera_id, first_ms=0, last_ms=before_ms):
            old = old.exclude(start_ms__lte=end, end_ms__gte=start)
        while gone := list(old.order_by("start_ms").values_list("pk", flat=True)[:_GAPS_AT_ONCE]):
            RecordingGap.objects.filter(pk__in=gone).delete()
            self._pause(PAUSE_SECONDS)


def _each(spans: QuerySet[RecordedSpan]) -> Iterator[RecordedSpan]:
    """Yield the spans, the oldest first, from short queries: each is deleted or kept before the next query."""
    seen: set[int] = set()
    while batch := list(spans.order_by("start_ms", "id").exclude(pk__in=seen)[:100]):
        for span in batch:
            seen.add(span.pk)
            yield span


def _held(span: RecordedSpan, segments: list[RecordedSegment]) -> set[int]:
    """Return the starts of the segments that a legal hold keeps."""
    periods = held_periods(camera_id=span.camera_id, first_ms=span.start_ms, last_ms=span.end_ms)
    return {
        one.start_ms
        for one in segments
        if any(one.start_ms <= end and one.start_ms + one.duration_ms >= start for start, end in periods)
    }


def _shown_by_alerts(span: RecordedSpan, segments: list[RecordedSegment], *, clips_only: bool) -> set[int]:
    """Return the starts of the segments that show an existing alert, or only of those in its clip."""
    reach_ms = ALERT_MARGIN_MS + MAX_CLIP_SECONDS * 1000
    begin = datetime.fromtimestamp((span.start_ms - reach_ms) / 1000, UTC)
    end = datetime.fromtimestamp((span.end_ms + reach_ms) / 1000, UTC)
    alerts = Alert.objects.filter(camera=span.camera_id, timestamp__gte=begin, timestamp__lte=end)
    periods: list[tuple[int, int]] = []
    for at, clip_start_ms, clip_end_ms in alerts.values_list("timestamp", "clip_start_ms", "clip_end_ms"):
        if clip_start_ms is not None and clip_end_ms is not None:
            periods.append((clip_start_ms, clip_end_ms))
        if not clips_only:
            periods.append((_ms(at) - ALERT_MARGIN_MS, _ms(at) + ALERT_MARGIN_MS))
    return {
        one.start_ms
        for one in segments
        if any(one.start_ms <= last and one.start_ms + one.duration_ms >= first for first, last in periods)
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
