"""The motion of a span, one byte for each second: what a timeline shows without reading the segments. Pure.

Byte 0 is the first second of the span's hour by UTC. Each is the largest percentage of the segments in that second.
Zeros at the end are left out. PostgreSQL compresses the value, which is mostly zeros and runs.
"""

from collections.abc import Iterator

from vigil_contracts.recording import MAX_SEGMENT_SECONDS

SECOND_MS = 1000
HOUR_MS = 3_600_000
MAX_BYTES = 3600 + MAX_SEGMENT_SECONDS + 1
"""A segment may end in the next hour."""


def with_motion(seconds: bytes, *, start_ms: int, end_ms: int, percent: int) -> bytes:
    """Return `seconds` with the motion of a segment that starts in the span's hour."""
    if not percent:
        return seconds
    hour_ms = start_ms // HOUR_MS * HOUR_MS
    first = _nearest(start_ms - hour_ms)
    last = max(first + 1, _nearest(end_ms - hour_ms))
    found = bytearray(seconds.ljust(last, b"\0"))
    found[first:last] = (max(one, percent) for one in found[first:last])
    return bytes(found)


def motion_within(
    seconds: bytes, *, span_start_ms: int, span_end_ms: int, first_ms: int, last_ms: int, step_ms: int
) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and largest percentage of the motion in each step of `step_ms`, within span and limits."""
    hour_ms = span_start_ms // HOUR_MS * HOUR_MS
    begin, end = max(first_ms, span_start_ms), min(last_ms, span_end_ms)
    for step in range(begin // step_ms, -(-end // step_ms)):
        offset = max(0, (max(begin, step * step_ms) - hour_ms) // SECOND_MS)
        limit = -(-(min(end, (step + 1) * step_ms) - hour_ms) // SECOND_MS)
        inside = seconds[offset:limit]
        percent = max(inside, default=0)
        if percent:
            first = offset + len(inside) - len(inside.lstrip(b"\0"))
            last = offset + len(inside.rstrip(b"\0"))
            yield max(begin, hour_ms + first * SECOND_MS), min(end, hour_ms + last * SECOND_MS), percent


def _nearest(milliseconds: int) -> int:
    return (milliseconds + SECOND_MS // 2) // SECOND_MS
