"""Read everything that a timeline shows of one camera: recorded periods, gaps, motion and alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import BigIntegerField, F, Max, Min

from surveillance.models import Alert, Camera
from surveillance.selectors.cameras import health_of, recording_of
from vigil_apps.recordings.core.activity import MotionPeriod, joined_motion, step_ms
from vigil_apps.recordings.core.motion_seconds import motion_within
from vigil_apps.recordings.core.timeline import Period, joined
from vigil_apps.recordings.models import RecordedSegment
from vigil_apps.recordings.selectors import Gap, SpanSummary, recorded_until, recording_gaps, span_summaries
from vigil_contracts.names import Reason
from vigil_contracts.recording import MAX_SEGMENT_SECONDS, RecordingMode, gap_text

MOST_GAPS = 2000
MOST_ALERTS = 1000
_NO_VIDEO = {one for one in Reason if one.value.startswith("Stream")} - {Reason.STREAMING}
_WITHOUT_RECORDING = _NO_VIDEO | {Reason.DETECTOR_NOT_REPORTING, Reason.RECORDING_UNAVAILABLE}
_IN_FLIGHT = timedelta(seconds=10)
"""The newest segment is still written, or on its way to the index: its time is no gap yet."""
_CLOCK_DIFFERENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AlertMark:
    """An alert on a timeline."""

    alert_id: int
    at: datetime
    alert_type: str


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap that has not ended. `message`: one sentence for users."""

    gap: Gap
    message: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a timeline shows. `has_all_alerts`: no alert is left out because there are too many."""

    recorded: list[Period]
    gaps: list[Gap]
    open_gap: OpenGap | None
    motion: list[MotionPeriod]
    alerts: list[AlertMark]
    has_all_alerts: bool


def timeline_of(*, camera: Camera, first_ms: int, last_ms: int, now: datetime) -> Timeline:
    """Return the camera's timeline between the limits. Its motion has the detail that a screen can show of them."""
    limits = {"camera_id": camera.pk, "first_ms": first_ms, "last_ms": last_ms}
    alerts = _alerts(**limits)
    spans = span_summaries(**limits)
    return Timeline(
        recorded=joined((Period(one.start_ms, one.end_ms) for one in spans), first_ms=first_ms, last_ms=last_ms),
        gaps=recording_gaps(limit=MOST_GAPS, **limits),
        open_gap=_within(open_gap(camera=camera, now=now), first_ms, last_ms),
        motion=motion_periods(spans=spans, **limits),
        alerts=alerts[:MOST_ALERTS],
        has_all_alerts=len(alerts) <= MOST_ALERTS,
    )


def motion_periods(
    *, camera_id: int, spans: Sequence[SpanSummary], first_ms: int, last_ms: int
) -> list[MotionPeriod]:
    """Return the periods with motion, summarised to the detail of a screen. `spans`: those within the limits."""
    step = step_ms(first_ms=first_ms, last_ms=last_ms)
    found = [
        MotionPeriod(*one)
        for span in spans
        if span.motion_seconds
        for one in motion_within(
            span.motion_seconds,
            span_start_ms=span.start_ms,
            span_end_ms=span.end_ms,
            first_ms=first_ms,
            last_ms=last_ms,
            step_ms=step,
        )
    ]
    unknown = [span for span in spans if span.motion_seconds is None]
    if unknown:
        found += _motion_of_segments(camera_id, unknown, step, first_ms, last_ms)
        found.sort(key=lambda one: one.start_ms)
    return joined_motion(found)


def _motion_of_segments(
    camera_id: int, spans: Sequence[SpanSummary], step: int, first_ms: int, last_ms: int
) -> Iterator[MotionPeriod]:
    """Yield the motion of spans of an earlier version, summarised by the database: a day is up to 21,600 segments."""
    segments = RecordedSegment.objects.filter(
        camera_id=camera_id,
        start_ms__gte=max(spans[0].start_ms, first_ms - MAX_SEGMENT_SECONDS * 1000),
        start_ms__lt=min(max(span.end_ms for span in spans), last_ms),
        span_id__in=[span.span_id for span in spans],
        motion__gt=0,
    )
    end = F("start_ms") + F("duration_ms")
    steps = (
        segments.annotate(step=F("start_ms") / step)
        .values("step")
        .annotate(first=Min("start_ms"), last=Max(end, output_field=BigIntegerField()), percent=Max("motion"))
        .order_by("step")
        .values_list("first", "last", "percent")
    )
    for first, last, percent in steps:
        if last > first_ms:
            yield MotionPeriod(max(first, first_ms), min(last, last_ms), percent)


def open_gap(*, camera: Camera, now: datetime) -> OpenGap | None:
    """Return the gap that lasts while the camera is to be recorded but is not; None if there is none.

    Its row is created when it ends. Until then, the camera's health gives the reason, and its last frame the begin.
    """
    mode = recording_of(camera).mode
    if not camera.is_active or mode is RecordingMode.OFF:
        return None
    health = health_of(camera=camera, now=now)
    if health.reason not in _WITHOUT_RECORDING:
        return None
    recorded = recorded_until(camera_id=camera.pk)
    ends = [] if recorded is None else [recorded]
    last_seen = health.stream.last_frame_time or health.reported_at or camera.activated_at
    if health.reason is Reason.RECORDING_UNAVAILABLE:  # frames still arrive
        is_recorded_until = recorded is not None and mode is RecordingMode.CONTINUOUS
        last_seen = camera.activated_at if is_recorded_until else _reported_since(camera, health.reason)
    ends += [round(at.timestamp() * 1000) for at in (last_seen, camera.activated_at) if at is not None]
    start_ms, now_ms = max(ends, default=None), round(now.timestamp() * 1000)
    if start_ms is None or now_ms - start_ms < _IN_FLIGHT / timedelta(milliseconds=1):
        return None
    return OpenGap(Gap(start_ms, now_ms, health.reason.value), health.message or gap_text(health.reason.value))


def _reported_since(camera: Camera, reason: Reason) -> datetime | None:
    """Return when the reason became that of the camera's health."""
    return camera.health_changes.filter(reason=reason).values_list("at", flat=True).first()


def _within(found: OpenGap | None, first_ms: int, last_ms: int) -> OpenGap | None:
    if found is None or found.gap.end_ms <= first_ms or found.gap.start_ms >= last_ms:
        return None
    gap = Gap(max(found.gap.start_ms, first_ms), min(found.gap.end_ms, last_ms), found.gap.reason)
    return OpenGap(gap, found.message)


def _alerts(*, camera_id: int, first_ms: int, last_ms: int) -> list[AlertMark]:
    """Return up to one alert more than are shown.

    No index has camera and timestamp. An alert is received after it happened, so the index by reception narrows it.
    """
    begin, end = (datetime.fromtimestamp(one / 1000, UTC) for one in (first_ms, last_ms))
    alerts = Alert.objects.filter(
        camera=camera_id, received_at__gte=begin - _CLOCK_DIFFERENCE, timestamp__gte=begin, timestamp__lt=end
    )
    rows = alerts.order_by("timestamp", "id").values_list("pk", "timestamp", "alert_type")
    return [AlertMark(*row) for row in rows[: MOST_ALERTS + 1]]
