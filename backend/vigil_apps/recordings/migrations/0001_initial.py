"""Create the index of recordings; on PostgreSQL, its table of segments is partitioned by time."""

from django.db import migrations, models

_PARTITIONED = """
CREATE TABLE recordings_partitioned (
    LIKE recordings_segment INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (camera_id, start_ms)
) PARTITION BY RANGE (start_ms);
DROP TABLE recordings_segment;
ALTER TABLE recordings_partitioned RENAME TO recordings_segment;
"""


def partition(apps, schema_editor):
    """Replace the table, which is still empty. Partitions are created with their first segment."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_PARTITIONED)


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="RecordedSegment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "camera_id", "start_ms", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("camera_id", models.PositiveBigIntegerField()),
                ("start_ms", models.BigIntegerField()),
                ("duration_ms", models.PositiveIntegerField()),
                ("size_bytes", models.PositiveIntegerField()),
                ("motion", models.PositiveSmallIntegerField(help_text="Percent of its analysed frames.")),
                ("span_id", models.BigIntegerField()),
            ],
            options={"db_table": "recordings_segment"},
        ),
        migrations.RunPython(partition, migrations.RunPython.noop),
        migrations.CreateModel(
            name="RecordedSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("camera_id", models.PositiveBigIntegerField()),
                ("start_ms", models.BigIntegerField()),
                ("end_ms", models.BigIntegerField()),
                ("size_bytes", models.BigIntegerField()),
                ("segments", models.PositiveIntegerField()),
                ("init_id", models.CharField(help_text="Digest of the initialisation segment.", max_length=16)),
                ("init_bytes", models.PositiveIntegerField(help_text="Its size, at the beginning of each file.")),
                ("codecs", models.CharField(help_text="As in RFC 6381.", max_length=100)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                (
                    "kept_until_ms",
                    models.BigIntegerField(
                        db_default=0,
                        default=0,
                        help_text="Retention by age looks at it again then, since alerts need it.",
                    ),
                ),
            ],
            options={
                "ordering": ["start_ms", "id"],
                "indexes": [
                    models.Index(fields=["camera_id", "start_ms"], name="recorded_span_camera"),
                    models.Index(fields=["start_ms"], name="recorded_span_oldest"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("end_ms__gt", models.F("start_ms"))), name="recorded_span_forward"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RecordingGap",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("camera_id", models.PositiveBigIntegerField()),
                ("start_ms", models.BigIntegerField()),
                ("end_ms", models.BigIntegerField()),
                ("reason", models.CharField(max_length=32)),
            ],
            options={
                "ordering": ["start_ms"],
                "constraints": [
                    models.UniqueConstraint(fields=("camera_id", "start_ms"), name="recording_gap_start"),
                    models.CheckConstraint(
                        condition=models.Q(("end_ms__gt", models.F("start_ms"))), name="recording_gap_forward"
                    ),
                ],
            },
        ),
    ]
