"""Partitions of the table of segments on PostgreSQL: one per week, created with its first segment.

The index of a week fits into memory, and a week whose segments are deleted is dropped as a whole, which leaves no
bloat. Other databases have one table.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from vigil_apps.recordings.models import HOUR_MS, RecordedSegment

_TABLE = "recordings_segment"
_WEEK_MS = 7 * 24 * HOUR_MS
_LOCK = 7_246_118_203
"""Advisory lock of those who create or drop partitions; any number that nothing else uses."""


def partitions_create(starts_ms: Iterable[int]) -> None:
    """Create the missing partitions for these times."""
    if connection.vendor != "postgresql":
        return
    weeks = sorted({start // _WEEK_MS for start in starts_ms})
    with connection.cursor() as cursor:
        missing = [week for week in weeks if not _exists(cursor, week)]
        if not missing:
            return
        with transaction.atomic():
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for week in missing:
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {_name(week)} PARTITION OF {_TABLE} FOR VALUES FROM (%s) TO (%s)",
                    [week * _WEEK_MS, (week + 1) * _WEEK_MS],
                )


def partitions_drop_empty(*, before_ms: int) -> int:
    """Drop empty partitions that end before that time; return their number."""
    if connection.vendor != "postgresql":
        return 0
    dropped = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(%s)", [_TABLE])
        for (name,) in cursor.fetchall():
            week = int(str(name).rpartition("_w")[2])
            if (week + 1) * _WEEK_MS <= before_ms:
                dropped += _drop_if_empty(cursor, week)
    return dropped


def _drop_if_empty(cursor: Any, week: int) -> bool:
    inside = RecordedSegment.objects.filter(start_ms__gte=week * _WEEK_MS, start_ms__lt=(week + 1) * _WEEK_MS)
    with transaction.atomic():
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(f"LOCK TABLE {_name(week)} IN ACCESS EXCLUSIVE MODE")
        if inside.exists():
            return False
        cursor.execute(f"DROP TABLE {_name(week)}")
    return True


def _exists(cursor: Any, week: int) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [_name(week)])
    return bool(cursor.fetchone()[0])


def _name(week: int) -> str:
    return f"{_TABLE}_w{week:d}"
