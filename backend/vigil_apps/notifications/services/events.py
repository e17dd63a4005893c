"""Record events for the subscriptions of the format CloudEvents, in the transaction of the change itself."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from pydantic import BaseModel

from surveillance.core.health import Health
from surveillance.models import Alert, Camera
from surveillance.selectors.cameras import health_of
from surveillance.selectors.clusters import select_clusters
from surveillance.signals import AlertChange
from vigil_apps.notifications.core.events import AlertData, CameraData, CloudEvent, EventType, sequence_text
from vigil_apps.notifications.core.matching import StoredAlert
from vigil_apps.notifications.core.names import MessageFormat, MessageKind
from vigil_apps.notifications.models import CameraOutage, Message, StreamEvent, Subscription
from vigil_apps.notifications.selectors import filter_of, subscriptions_that_see
from vigil_contracts.names import AlertType, CameraPhase

TYPE_OF_CHANGE: dict[AlertChange, EventType] = {
    AlertChange.ACKNOWLEDGED: EventType.ALERT_ACKNOWLEDGED,
    AlertChange.REOPENED: EventType.ALERT_REOPENED,
    AlertChange.RESOLVED: EventType.ALERT_RESOLVED,
    AlertChange.UNRESOLVED: EventType.ALERT_UNRESOLVED,
    AlertChange.MARKED_FALSE_POSITIVE: EventType.ALERT_MARKED_FALSE_POSITIVE,
    AlertChange.UNMARKED_FALSE_POSITIVE: EventType.ALERT_UNMARKED_FALSE_POSITIVE,
}
Receivers = Mapping[int, Sequence[Subscription]]
"""The subscriptions that see each camera, by its id."""


def alerts_created_record(*, alerts: Sequence[Alert], receivers: Receivers, now: datetime) -> set[int]:
    """Record new alerts, and the outages among them; return the ids of the subscriptions that receive them."""
    outages = [
        alert for alert in alerts if alert.alert_type == AlertType.CAMERA_OFFLINE and receivers[alert.camera_id]
    ]
    recorded = _alert_events(alerts, EventType.ALERT_CREATED, user=None, now=now)
    return _record([*recorded, *_outage_events(outages, now)], receivers, now=now)


def alerts_changed_record(
    *, alert_ids: Collection[int], change: AlertChange, user: User | None, now: datetime
) -> set[int]:
    """Record a change of alerts; return the ids of the subscriptions that receive it."""
    if not Subscription.objects.filter(format=MessageFormat.CLOUDEVENTS, is_active=True).exists():
        return set()
    found = Alert.objects.filter(pk__in=alert_ids).select_related("camera").defer("camera__rtsp_url").order_by("pk")
    alerts = list(found)
    receivers = event_receivers([alert.camera for alert in alerts])
    return _record(_alert_events(alerts, TYPE_OF_CHANGE[change], user=user, now=now), receivers, now=now)


def outage_end_record(*, outage: CameraOutage, camera: Camera, health: Health, now: datetime) -> set[int]:
    """Record that the camera streams again or is deactivated; return the ids of the subscriptions that receive it."""
    is_inactive = health.phase == CameraPhase.INACTIVE
    event_type = EventType.CAMERA_DEACTIVATED if is_inactive else EventType.CAMERA_ONLINE
    event = _camera_event(camera, event_type, health, health.message, since=outage.since, now=now)
    return _record([(event, camera, _as_offline_alert(camera), now)], event_receivers([camera]), now=now)


def event_receivers(cameras: Sequence[Camera]) -> Receivers:
    """Return the active subscriptions of the format CloudEvents that see each camera."""
    return subscriptions_that_see(cameras=cameras, message_format=MessageFormat.CLOUDEVENTS)


def cloud_event(event: StreamEvent) -> CloudEvent:
    """Return the stored event as receivers get it."""
    is_alert = event.alert_id is not None and event.type.startswith("dev.vigil.alert.")
    return CloudEvent(
        id=str(event.id),
        source=event.source,
        type=EventType(event.type),
        subject=f"alerts/{event.alert_id}" if is_alert else None,
        time=event.recorded_at,
        partitionkey=str(event.camera_id),
        sequence=sequence_text(event.number),
        data=AlertData.model_validate(event.data) if is_alert else CameraData.model_validate(event.data),
    )


Recorded = tuple[StreamEvent, Camera, StoredAlert, datetime]
"""An event, its camera, what filters see of it, and the time for which schedules decide."""


def _record(recorded: Sequence[Recorded], receivers: Receivers, *, now: datetime) -> set[int]:
    filters = {one.pk: filter_of(one) for seen in receivers.values() for one in seen}
    received = [
        (event, camera, subscription.pk)
        for event, camera, filtered, at in recorded
        for subscription in receivers[camera.pk]
        if filters[subscription.pk].matches(filtered, now=at)
    ]
    wanted = {event.id for event, _, _ in received}
    StreamEvent.objects.bulk_create([event for event, _, _, _ in recorded if event.id in wanted])
    messages = [
        Message(
            id=uuid.uuid4(),
            subscription_id=subscription_id,
            kind=MessageKind.EVENT.value,
            event=event,
            event_camera=camera.pk,
            next_attempt_at=now,
        )
        for event, camera, subscription_id in received
    ]
    Message.objects.bulk_create(messages)
    return {message.subscription_id for message in messages}


def _alert_events(
    alerts: Sequence[Alert], event_type: EventType, *, user: User | None, now: datetime
) -> list[Recorded]:
    made: list[Recorded] = []
    for alert in alerts:
        camera = alert.camera
        data = AlertData(
            id=alert.pk,
            event_id=alert.event_id,
            camera=camera.pk,
            camera_name=camera.name,
            site=camera.site_id,
            alert_type=AlertType(alert.alert_type),
            confidence=alert.confidence,
            timestamp=alert.timestamp,
            description=alert.description,
            label=alert.label,
            zone=alert.zone,
            rule=alert.rule,
            acknowledged=alert.acknowledged,
            resolved=alert.resolved,
            is_false_positive=alert.is_false_positive,
            changed_by=user.get_username() if user is not None else None,
            url=_page(f"alerts/{alert.pk}/"),
        )
        filtered = StoredAlert(alert.alert_type, alert.confidence, camera.pk, camera.site_id)
        # Later events of an alert are sent where its first one was: the schedule decides for that time.
        at = now if event_type == EventType.ALERT_CREATED else alert.received_at
        made.append((_event(event_type, camera, data, now=now, alert=alert), camera, filtered, at))
    return made


def _outage_events(outages: Sequence[Alert], now: datetime) -> list[Recorded]:
    """Return the events of cameras that were not offline already, and remember their outages."""
    first = {alert.camera_id: alert for alert in reversed(outages)}
    known = set(CameraOutage.objects.filter(camera__in=first).values_list("camera_id", flat=True))
    cameras = select_clusters(Camera.objects.filter(pk__in=set(first) - known)).select_related("health_report")
    made: list[Recorded] = []
    for camera in cameras.defer("rtsp_url"):
        alert = first[camera.pk]
        health = health_of(camera=camera, now=now)
        event = _camera_event(camera, EventType.CAMERA_OFFLINE, health, alert.description, alert.timestamp, now=now)
        made.append((event, camera, _as_offline_alert(camera), now))
    rows = [CameraOutage(camera=camera, since=first[camera.pk].timestamp, noticed_at=now) for _, camera, _, _ in made]
    CameraOutage.objects.bulk_create(rows, ignore_conflicts=True)
    return made


def _camera_event(
    camera: Camera, event_type: EventType, health: Health, message: str, since: datetime, *, now: datetime
) -> StreamEvent:
    is_recovered = event_type == EventType.CAMERA_OFFLINE and health.phase == CameraPhase.STREAMING
    data = CameraData(
        camera=camera.pk,
        camera_name=camera.name,
        site=camera.site_id,
        phase=health.phase,
        reason=None if is_recovered else health.reason,
        message=message,
        since=since,
        url=_page(f"cameras/{camera.pk}/"),
    )
    return _event(event_type, camera, data, now=now, alert=None)


def _event(
    event_type: EventType, camera: Camera, data: BaseModel, *, now: datetime, alert: Alert | None
) -> StreamEvent:
    stored: dict[str, Any] = data.model_dump(mode="json")
    return StreamEvent(
        id=uuid.uuid4(),
        type=event_type.value,
        source=f"{settings.VIGIL_PUBLIC_URL}/api/cameras/{camera.pk}/",
        camera=camera,
        alert=alert,
        recorded_at=now,
        data=stored,
    )


def _as_offline_alert(camera: Camera) -> StoredAlert:
    """Return what filters see of a camera's event: it passes where alerts of the type `camera_offline` do."""
    return StoredAlert(AlertType.CAMERA_OFFLINE.value, 1.0, camera.pk, camera.site_id)


def _page(path: str) -> str | None:
    base = settings.VIGIL_PUBLIC_URL
    return f"{base}/dashboard/{path}" if base else None
