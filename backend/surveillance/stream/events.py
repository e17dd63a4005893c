"""Alerts as events: read from the database in threads, written as the bytes that browsers read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import close_old_connections
from django.db.models import Max, QuerySet
from rest_framework.renderers import JSONRenderer

from surveillance.api.serializers import AlertSerializer
from surveillance.models import Alert

BATCH = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose alerts a stream shows; a superuser's shows all. `last_event_id` None: from now on."""

    user_id: int
    is_superuser: bool
    last_event_id: int | None

    def may_see(self, owner_id: int) -> bool:
        """Whether the alert is the viewer's."""
        return self.is_superuser or owner_id == self.user_id


@dataclass(frozen=True, slots=True)
class Event:
    """An alert, written once for all its viewers."""

    alert_id: int
    owner_id: int
    content: bytes


@contextmanager
def _connection_of_this_thread() -> Iterator[None]:
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def newest_id() -> int:
    """The highest id in the database."""
    with _connection_of_this_thread():
        return int(Alert.objects.aggregate(newest=Max("id"))["newest"] or 0)


def events_after(position: int) -> dict[int, Event]:
    """Up to `BATCH` events of any owner, by id."""
    with _connection_of_this_thread():
        return {event.alert_id: event for event in map(_event, _alerts().filter(pk__gt=position)[:BATCH])}


def backlog(viewer: Viewer, *, after: int, until: int) -> list[Event]:
    """Up to `BATCH` of the viewer's events with `after` < id <= `until`, in order."""
    alerts = _alerts().filter(pk__gt=after, pk__lte=until)
    if not viewer.is_superuser:
        alerts = alerts.filter(camera__user_id=viewer.user_id)
    with _connection_of_this_thread():
        return [_event(alert) for alert in alerts[:BATCH]]


def _alerts() -> QuerySet[Alert]:
    related = Alert.objects.select_related("camera", "acknowledged_by", "resolved_by").defer("camera__rtsp_url")
    return related.order_by("id")


def _event(alert: Alert) -> Event:
    data = JSONRenderer().render(AlertSerializer(alert).data)
    return Event(alert.pk, alert.camera.user_id, b"id: %d\nevent: alert\ndata: %s\n\n" % (alert.pk, data))
