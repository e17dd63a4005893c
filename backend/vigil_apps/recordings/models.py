"""The index of recordings. Times are milliseconds since 1970; see `docs/decisions/0014-recordings.md`.

No table has a foreign key to the camera: deleting one must not delete millions of rows in one transaction.
Housekeeping deletes what belongs to no camera in small batches, and its files with it.
"""

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey, F, Q

from vigil_apps.recordings.core.motion_seconds import HOUR_MS, MAX_BYTES
from vigil_contracts.motion_grid import GRID_BYTES
from vigil_contracts.recording import recording_key

__all__ = ["HOUR_MS", "RecordedSegment", "RecordedSpan", "RecordingGap"]


class RecordedSpan(models.Model):
    """Segments that follow each other without a gap, in one format, within one hour by UTC.

    A day of a camera is some 24 rows, and each knows its motion, so its timeline is as
    fast with 100 million segments as with few. The hour is
    also the unit of retention.
    """

    camera_id = models.PositiveBigIntegerField()
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    segments = models.PositiveIntegerField()
    init_id = models.CharField(max_length=16, help_text="Digest of the initialisation segment.")
    init_bytes = models.PositiveIntegerField(help_text="Its size, at the beginning of each file.")
    codecs = models.CharField(max_length=100, help_text="As in RFC 6381.")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    motion_seconds = models.BinaryField(
        null=True,
        max_length=MAX_BYTES,
        help_text="Percent of motion in each second of the hour. Null: stored by an earlier version; its segments "
        "know.",
    )
    kept_until_ms = models.BigIntegerField(
        default=0, db_default=0, help_text="Retention by age looks at it again then, since alerts need it."
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["start_ms", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["camera_id", "start_ms"], name="recorded_span_camera"),
            models.Index(fields=["start_ms"], name="recorded_span_oldest"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(end_ms__gt=F("start_ms")), name="recorded_span_forward"),
        ]

    def __str__(self) -> str:
        return f"camera {self.camera_id}: {self.start_ms} to {self.end_ms}"


class RecordedSegment(models.Model):
    """One file. PostgreSQL partitions the table by `start_ms` (`partitions.py`)."""

    pk = CompositePrimaryKey("camera_id", "start_ms")
    camera_id = models.PositiveBigIntegerField()
    start_ms = models.BigIntegerField()
    duration_ms = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    motion = models.PositiveSmallIntegerField(help_text="Percent of its analysed frames.")
    span_id = models.BigIntegerField()
    motion_cells = models.BinaryField(
        null=True,
        max_length=GRID_BYTES,
        help_text="Grid of vigil_contracts.motion_grid. Null: nothing moved, or it is unknown where.",
    )

    class Meta:
        db_table = "recordings_segment"

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """Return its key in the media storage."""
        return recording_key(self.camera_id, self.start_ms)


class RecordingGap(models.Model):
    """A time without a recording, and why."""

    camera_id = models.PositiveBigIntegerField()
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    reason = models.CharField(max_length=32)

    class Meta:
        ordering: ClassVar[list[str]] = ["start_ms"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["camera_id", "start_ms"], name="recording_gap_start"),
            models.CheckConstraint(condition=Q(end_ms__gt=F("start_ms")), name="recording_gap_forward"),
        ]

    def __str__(self) -> str:
        return f"camera {self.camera_id}: {self.start_ms} to {self.end_ms} {self.reason}"
