"""Change spans and segments consistently: add, rebuild, delete. Callers hold the camera's lock or own the rows."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any, cast

from django.db import transaction

from vigil_apps.recordings.core.timeline import ADJACENT_MS, Span, grouped
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan
from vigil_contracts.motion_grid import GRID_BYTES, decode
from vigil_contracts.recording import RecordedSegment as Registered


def segments_add(camera_id: int, new: Collection[Registered]) -> None:
    """Insert new segments, and extend or create their spans."""
    if not new:
        return
    first, last = min(one.start_ms for one in new), max(one.start_ms for one in new)
    rows = RecordedSpan.objects.filter(camera_id=camera_id, end_ms__gte=first - ADJACENT_MS, start_ms__lte=last)
    found = grouped([_span(row) for row in rows], new)
    _store(camera_id, {id(span): span for _, span in found}.values())
    RecordedSegment.objects.bulk_create(
        RecordedSegment(
            camera_id=camera_id,
            start_ms=one.start_ms,
            duration_ms=one.duration_ms,
            size_bytes=one.size_bytes,
            motion=one.motion,
            span_id=cast("int", span.span_id),
            motion_cells=decode(one.motion_cells).to_bytes(GRID_BYTES, "big") if one.motion_cells else None,
        )
        for one, span in found
    )


def segments_of(span: RecordedSpan) -> list[RecordedSegment]:
    """Return the segments of a span, in order."""
    # With the times, so that PostgreSQL reads one partition and its primary key.
    inside = RecordedSegment.objects.filter(
        camera_id=span.camera_id, start_ms__gte=span.start_ms, start_ms__lt=span.end_ms, span_id=span.pk
    )
    return list(inside.order_by("start_ms"))


def segments_delete(span: RecordedSpan, gone: Collection[RecordedSegment]) -> list[RecordedSpan]:
    """Delete segments of a span; return the spans that the others form now."""
    starts = {one.start_ms for one in gone}
    with transaction.atomic():
        left = [one for one in segments_of(span) if one.start_ms not in starts]
        RecordedSegment.objects.filter(camera_id=span.camera_id, start_ms__in=starts, span_id=span.pk).delete()
        RecordedSpan.objects.filter(pk=span.pk).delete()
        found = grouped([], [_registered(span, one) for one in left])
        spans = {id(one): one for _, one in found}.values()
        _store(span.camera_id, spans)
        for one in spans:
            RecordedSegment.objects.filter(
                camera_id=span.camera_id, start_ms__gte=one.start_ms, start_ms__lt=one.end_ms, span_id=span.pk
            ).update(span_id=one.span_id)
    return list(RecordedSpan.objects.filter(pk__in=[one.span_id for one in spans]))


def _registered(span: RecordedSpan, segment: RecordedSegment) -> Registered:
    return Registered(
        start_ms=segment.start_ms,
        duration_ms=segment.duration_ms,
        size_bytes=segment.size_bytes,
        init_bytes=span.init_bytes,
        init_id=span.init_id,
        codecs=span.codecs,
        width=span.width,
        height=span.height,
        motion=segment.motion,
    )


def _store(camera_id: int, spans: Iterable[Span]) -> None:
    for span in spans:
        if span.span_id is None:
            span.span_id = RecordedSpan.objects.create(camera_id=camera_id, **_columns(span)).pk
        else:
            RecordedSpan.objects.filter(pk=span.span_id).update(**_columns(span))


def _span(row: RecordedSpan) -> Span:
    return Span(
        row.pk,
        row.start_ms,
        row.end_ms,
        row.size_bytes,
        row.segments,
        row.init_id,
        row.init_bytes,
        row.codecs,
        row.width,
        row.height,
        None if row.motion_seconds is None else bytes(row.motion_seconds),
    )


def _columns(span: Span) -> dict[str, Any]:
    columns = asdict(span)
    del columns["span_id"]
    return columns
