"""Read the index of recordings."""

from collections.abc import Iterator
from dataclasses import dataclass

from vigil_apps.recordings.core.playlist import Item
from vigil_apps.recordings.core.timeline import HOUR_MS, Period, joined
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan, RecordingGap
from vigil_contracts.recording import MAX_SEGMENT_SECONDS

_LONGEST_SPAN_MS = HOUR_MS + MAX_SEGMENT_SECONDS * 1000
"""A span begins in one hour, and its last segment may end in the next."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap of a timeline."""

    start_ms: int
    end_ms: int
    reason: str


def recorded_periods(*, camera_id: int, first_ms: int, last_ms: int) -> list[Period]:
    """Return the recorded periods of the camera within the limits."""
    spans = RecordedSpan.objects.filter(
        camera_id=camera_id, start_ms__gt=first_ms - _LONGEST_SPAN_MS, start_ms__lt=last_ms, end_ms__gt=first_ms
    )
    found = spans.order_by("start_ms").values_list("start_ms", "end_ms")
    return joined((Period(*one) for one in found), first_ms=first_ms, last_ms=last_ms)


def recording_gaps(*, camera_id: int, first_ms: int, last_ms: int, limit: int) -> list[Gap]:
    """Return the first `limit` gaps of the camera, cut to the limits.

    Gaps do not overlap, so only one that begins earlier can reach into the period: two index lookups.
    """
    gaps = RecordingGap.objects.filter(camera_id=camera_id)
    columns = "start_ms", "end_ms", "reason"
    earlier = gaps.filter(start_ms__lt=first_ms).order_by("-start_ms").values_list(*columns)[:1]
    inside = gaps.filter(start_ms__gte=first_ms, start_ms__lt=last_ms).order_by("start_ms").values_list(*columns)
    return [
        Gap(max(start, first_ms), min(end, last_ms), reason)
        for start, end, reason in [*earlier, *inside[:limit]]
        if end > first_ms
    ]


def recorded_segments(*, camera_id: int, first_ms: int, last_ms: int) -> Iterator[Item]:
    """Yield the camera's segments that overlap the limits, in order."""
    spans = {
        row.pk: row
        for row in RecordedSpan.objects.filter(
            camera_id=camera_id, start_ms__gt=first_ms - _LONGEST_SPAN_MS, start_ms__lt=last_ms, end_ms__gt=first_ms
        )
    }
    segments = RecordedSegment.objects.filter(
        camera_id=camera_id, start_ms__gt=first_ms - MAX_SEGMENT_SECONDS * 1000, start_ms__lt=last_ms
    ).order_by("start_ms")
    for start, duration, size, span_id in segments.values_list("start_ms", "duration_ms", "size_bytes", "span_id"):
        if start + duration > first_ms and (span := spans.get(span_id)) is not None:
            yield Item(start, duration, size, span.init_id, span.init_bytes)
