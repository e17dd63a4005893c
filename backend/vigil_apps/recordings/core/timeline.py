"""Group segments into spans, and describe a period. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vigil_apps.recordings.core.motion_seconds import HOUR_MS, with_motion
from vigil_contracts.recording import RecordedSegment

ADJACENT_MS = 1000
"""Segments this close follow each other: what lies between them is no gap (`cctv.recording.recorder.GAP_SECONDS`)."""


@dataclass(slots=True)
class Span:
    """A stored or new span; `span_id` is None if it is new."""

    span_id: int | None
    start_ms: int
    end_ms: int
    size_bytes: int
    segments: int
    init_id: str
    init_bytes: int
    codecs: str
    width: int
    height: int
    motion_seconds: bytes | None = b""
    """See `motion_seconds`; None if it is unknown, in a span that an earlier version began."""

    def takes(self, segment: RecordedSegment) -> bool:
        """Return whether the segment continues the span."""
        return (
            segment.init_id == self.init_id
            and segment.start_ms // HOUR_MS == self.start_ms // HOUR_MS
            and self.start_ms <= segment.start_ms
            and abs(segment.start_ms - self.end_ms) <= ADJACENT_MS
        )

    def add(self, segment: RecordedSegment) -> None:
        """Add a segment that continues it."""
        self.end_ms = max(self.end_ms, segment.end_ms)
        self.size_bytes += segment.size_bytes
        self.segments += 1
        self.note_motion(segment)

    def note_motion(self, segment: RecordedSegment) -> None:
        """Add the motion of one of its segments."""
        if self.motion_seconds is not None:
            self.motion_seconds = with_motion(
                self.motion_seconds, start_ms=segment.start_ms, end_ms=segment.end_ms, percent=segment.motion
            )


def grouped(spans: Sequence[Span], segments: Iterable[RecordedSegment]) -> list[tuple[RecordedSegment, Span]]:
    """Return each new segment with its span: one of `spans`, changed, or a new one."""
    known = list(spans)
    found: list[tuple[RecordedSegment, Span]] = []
    for segment in sorted(segments, key=lambda one: one.start_ms):
        span = next((one for one in reversed(known) if one.takes(segment)), None)
        if span is None:
            span = Span(
                None,
                segment.start_ms,
                segment.end_ms,
                segment.size_bytes,
                1,
                segment.init_id,
                segment.init_bytes,
                segment.codecs,
                segment.width,
                segment.height,
            )
            span.note_motion(segment)
            known.append(span)
        else:
            span.add(segment)
        found.append((segment, span))
    return found


@dataclass(frozen=True, slots=True)
class Period:
    """A recorded period of a timeline."""

    start_ms: int
    end_ms: int


def joined(periods: Iterable[Period], *, first_ms: int, last_ms: int) -> list[Period]:
    """Return the periods within the limits; those that follow each other as one."""
    found: list[Period] = []
    for one in sorted(periods, key=lambda period: period.start_ms):
        start, end = max(one.start_ms, first_ms), min(one.end_ms, last_ms)
        if start >= end:
            continue
        if found and start - found[-1].end_ms <= ADJACENT_MS:
            found[-1] = Period(found[-1].start_ms, max(end, found[-1].end_ms))
        else:
            found.append(Period(start, end))
    return found
