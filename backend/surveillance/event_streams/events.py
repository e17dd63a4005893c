"""Alerts as server-sent events: read from the database in threads, encoded as bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import close_old_connections, connection
from django.db.models import Max, QuerySet
from rest_framework.renderers import JSONRenderer

from surveillance.core.sequence import Writers
from surveillance.models import Alert
from surveillance.representations import alert_shown
from surveillance.selectors.access import reach, viewers_of

BATCH = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """The user of a stream; superusers receive all alerts. `last_event_id` None: only new alerts."""

    user_id: int
    is_superuser: bool
    last_event_id: int | None

    def may_see(self, event: "Event") -> bool:
        """Return whether the viewer may see the alert."""
        return self.is_superuser or self.user_id in event.viewer_ids


@dataclass(frozen=True, slots=True)
class Event:
    """An alert, encoded once for all its viewers."""

    alert_id: int
    viewer_ids: frozenset[int]
    content: bytes


@contextmanager
def _connection_of_this_thread() -> Iterator[None]:
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def newest_id() -> int:
    """Return the highest id in the database."""
    with _connection_of_this_thread():
        return int(Alert.objects.aggregate(newest=Max("id"))["newest"] or 0)


def writers() -> Writers:
    """Return the open transactions that have written to alerts: only they may hold an unseen id.

    PostgreSQL locks the table for an INSERT before it allocates an id. SQLite permits only one writer at a time.
    """
    with _connection_of_this_thread():
        if connection.vendor != "postgresql":
            return frozenset()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND"
                " mode = 'RowExclusiveLock' AND relation = %s::regclass",
                [Alert._meta.db_table],
            )
            return frozenset(name for (name,) in cursor.fetchall())


def events_after(position: int) -> dict[int, Event]:
    """Return up to `BATCH` events of any owner, by id. Permissions are read each time."""
    with _connection_of_this_thread():
        alerts = list(_alerts().filter(pk__gt=position)[:BATCH])
        viewers = viewers_of([alert.camera for alert in alerts])
        return {alert.pk: _event(alert, viewers[alert.camera_id]) for alert in alerts}


def backlog(viewer: Viewer, *, after: int, until: int) -> list[Event]:
    """Return up to `BATCH` of the viewer's events with `after` < id <= `until`, in order."""
    alerts = _alerts().filter(pk__gt=after, pk__lte=until)
    if not viewer.is_superuser:
        alerts = alerts.filter(reach(user_id=viewer.user_id, prefix="camera__"))
    with _connection_of_this_thread():
        return [_event(alert, frozenset({viewer.user_id})) for alert in alerts[:BATCH]]


def _alerts() -> QuerySet[Alert]:
    related = Alert.objects.select_related("camera", "acknowledged_by", "resolved_by").defer("camera__rtsp_url")
    return related.order_by("id")


def _event(alert: Alert, viewers: frozenset[int]) -> Event:
    data = JSONRenderer().render(alert_shown(alert))
    return Event(alert.pk, viewers, b"id: %d\nevent: alert\ndata: %s\n\n" % (alert.pk, data))
