"""Read the index of recordings."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from vigil_apps.recordings.core.motion_seconds import HOUR_MS
from vigil_apps.recordings.core.playlist import Item
from vigil_apps.recordings.core.timeline import Period, joined
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan
from vigil_apps.web.statements import rows_of
from vigil_contracts.recording import MAX_SEGMENT_SECONDS

_LONGEST_SPAN_MS = HOUR_MS + MAX_SEGMENT_SECONDS * 1000
"""A span begins in one hour, and its last segment may end in the next."""
# The statements of a timeline, which the dashboard requests with each step.
_SUMMARIES = (
    "SELECT id, start_ms, end_ms, motion_seconds FROM recordings_recordedspan"
    " WHERE camera_id = %s AND start_ms > %s AND start_ms < %s AND end_ms > %s ORDER BY start_ms, id"
)
_GAPS = (
    "SELECT start_ms, end_ms, reason FROM recordings_recordinggap WHERE camera_id = %s AND start_ms >= COALESCE("
    "(SELECT start_ms FROM recordings_recordinggap WHERE camera_id = %s AND start_ms < %s"
    " ORDER BY start_ms DESC LIMIT 1), %s) AND start_ms < %s AND end_ms > %s ORDER BY start_ms LIMIT %s"
)
_LAST_ENDS = (
    "SELECT (SELECT end_ms FROM recordings_recordedspan WHERE camera_id = %s ORDER BY start_ms DESC LIMIT 1),"
    " (SELECT end_ms FROM recordings_recordinggap WHERE camera_id = %s ORDER BY start_ms DESC LIMIT 1)"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap of a timeline."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class SpanSummary:
    """What a timeline shows of a span. `motion_seconds`: see `core.motion_seconds`; None if it is unknown."""

    span_id: int
    start_ms: int
    end_ms: int
    motion_seconds: bytes | None


def span_summaries(*, camera_id: int, first_ms: int, last_ms: int) -> list[SpanSummary]:
    """Return the camera's spans that overlap the limits, in order."""
    rows = rows_of(_SUMMARIES, camera_id, first_ms - _LONGEST_SPAN_MS, last_ms, first_ms)
    return [SpanSummary(pk, start, end, None if motion is None else bytes(motion)) for pk, start, end, motion in rows]


def recorded_periods(*, camera_id: int, first_ms: int, last_ms: int) -> list[Period]:
    """Return the recorded periods of the camera within the limits."""
    found = _spans_within(camera_id, first_ms, last_ms).order_by("start_ms").values_list("start_ms", "end_ms")
    return joined((Period(*one) for one in found), first_ms=first_ms, last_ms=last_ms)


def recording_gaps(*, camera_id: int, first_ms: int, last_ms: int, limit: int) -> list[Gap]:
    """Return the first `limit` gaps of the camera, cut to the limits.

    Gaps do not overlap, so only the last one that begins earlier can reach into the period: an index lookup.
    """
    rows = rows_of(_GAPS, camera_id, camera_id, first_ms, first_ms, last_ms, first_ms, limit)
    return [Gap(max(start, first_ms), min(end, last_ms), reason) for start, end, reason in rows]


def segment_at(*, camera_id: int, at_ms: int) -> RecordedSegment | None:
    """Return the camera's segment that contains the time; None if nothing is recorded then."""
    earlier = RecordedSegment.objects.filter(
        camera_id=camera_id, start_ms__gt=at_ms - MAX_SEGMENT_SECONDS * 1000, start_ms__lte=at_ms
    )
    found = earlier.order_by("-start_ms").first()
    return found if found is not None and at_ms < found.start_ms + found.duration_ms else None


def recorded_until(*, camera_id: int) -> int | None:
    """Return the end of the camera's last span or gap; None if there is none."""
    (ends,) = rows_of(_LAST_ENDS, camera_id, camera_id)
    return max((one for one in ends if one is not None), default=None)


def recorded_segments(*, camera_id: int, first_ms: int, last_ms: int) -> Iterator[Item]:
    """Yield the camera's segments that overlap the limits, in order."""
    spans = {row.pk: row for row in _spans_within(camera_id, first_ms, last_ms).defer("motion_seconds")}
    segments = RecordedSegment.objects.filter(
        camera_id=camera_id, start_ms__gt=first_ms - MAX_SEGMENT_SECONDS * 1000, start_ms__lt=last_ms
    ).order_by("start_ms")
    for start, duration, size, span_id in segments.values_list("start_ms", "duration_ms", "size_bytes", "span_id"):
        if start + duration > first_ms and (span := spans.get(span_id)) is not None:
            has_audio = "," in span.codecs  # video comes first (RFC 6381)
            yield Item(start, duration, size, span.init_id, span.init_bytes, has_audio)


def _spans_within(camera_id: int, first_ms: int, last_ms: int) -> QuerySet[RecordedSpan]:
    return RecordedSpan.objects.filter(
        camera_id=camera_id, start_ms__gt=first_ms - _LONGEST_SPAN_MS, start_ms__lt=last_ms, end_ms__gt=first_ms
    )
