"""Update the alert totals of cameras."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from surveillance.models import Alert, CameraAlerts

_COUNT = (
    "INSERT INTO {table} (camera_id, total, last_alert_at) VALUES {rows} ON CONFLICT (camera_id) DO UPDATE SET"
    " total = {table}.total + excluded.total, last_alert_at ="
    " CASE WHEN excluded.last_alert_at > {table}.last_alert_at THEN excluded.last_alert_at"
    " ELSE {table}.last_alert_at END"
)
"""For PostgreSQL and SQLite; Django's upsert cannot increment values."""


def alerts_count(*, alerts: Iterable[Alert]) -> None:
    """Count new alerts, in the transaction that stores them. Times of a fast clock are limited to the present."""
    counted: dict[int, tuple[int, datetime]] = {}
    for alert in alerts:
        happened = min(alert.timestamp, alert.received_at)
        number, latest = counted.get(alert.camera_id, (0, happened))
        counted[alert.camera_id] = (number + 1, max(latest, happened))
    # Always in the same order: transactions that count the same cameras must not deadlock.
    values = [
        value
        for camera_id, (number, latest) in sorted(counted.items())
        for value in (camera_id, number, connection.ops.adapt_datetimefield_value(latest))
    ]
    rows = ", ".join(["(%s, %s, %s)"] * len(counted))
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(table=CameraAlerts._meta.db_table, rows=rows), values)
