"""Repair rows from before numbers and times had bounds, of which one made whole lists fail.

By UPDATE alone: PostgreSQL stores years that Python's datetime cannot hold, so such a row cannot be read.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations
from django.db.models import F, Q

# The bounds as they were when this was written: a migration does not change with the contracts.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
LARGEST_NUMBER = 1e300
"""Infinity is above it on both databases, and so is NaN on PostgreSQL; SQLite stores NaN as NULL."""


def repair_rows(apps: Any, schema_editor: Any) -> None:
    """Replace impossible times by the time of arrival, and forget impossible measurements."""
    database = schema_editor.connection.alias
    alerts = apps.get_model("surveillance", "Alert").objects.using(database)
    alerts.filter(_far("timestamp")).update(timestamp=F("received_at"))
    alerts.filter(_not_finite("zone_seconds")).update(zone_seconds=None)
    health = apps.get_model("surveillance", "CameraHealth").objects.using(database)
    health.filter(_far("last_frame_time")).update(last_frame_time=None)
    health.filter(_not_finite("frames_per_second")).update(frames_per_second=None)
    totals = apps.get_model("surveillance", "CameraAlerts").objects.using(database)
    totals.filter(last_alert_at__lt=EARLIEST).update(last_alert_at=EARLIEST)  # it is never late


def _far(field: str) -> Q:
    return Q(**{f"{field}__lt": EARLIEST}) | Q(**{f"{field}__gte": LATEST})


def _not_finite(field: str) -> Q:
    return Q(**{f"{field}__gt": LARGEST_NUMBER}) | Q(**{f"{field}__lt": 0})


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0010_alert_zone_seconds")]
    operations = [migrations.RunPython(repair_rows, migrations.RunPython.noop)]
