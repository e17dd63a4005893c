"""Put an alert into the outbox of all matching subscriptions, in the alert's transaction."""

from collections.abc import Sequence
from datetime import datetime

from surveillance.models import Alert
from vigil_apps.notifications.core.matching import StoredAlert
from vigil_apps.notifications.core.names import MessageFormat
from vigil_apps.notifications.models import OutboxEntry
from vigil_apps.notifications.selectors import filter_of, subscriptions_that_see
from vigil_apps.notifications.services.events import alerts_created_record


def alerts_enqueue(*, alerts: Sequence[Alert], now: datetime) -> list[int]:
    """Insert an entry, or an event's message, per matching subscription; return the subscriptions' ids."""
    seen_by = subscriptions_that_see(cameras={alert.camera for alert in alerts})
    streams = {
        camera: [one for one in found if one.format == MessageFormat.CLOUDEVENTS] for camera, found in seen_by.items()
    }
    filters = {one.pk: filter_of(one) for subscriptions in seen_by.values() for one in subscriptions}
    entries = [
        OutboxEntry(subscription_id=subscription.pk, alert=alert, created_at=now)
        for alert in alerts
        for subscription in seen_by[alert.camera_id]
        if subscription.format == MessageFormat.VIGIL
        and filters[subscription.pk].matches(_stored_alert(alert), now=now)
    ]
    if entries:
        OutboxEntry.objects.bulk_create(entries)
    receiving = {entry.subscription_id for entry in entries}
    if any(streams.values()):
        receiving |= alerts_created_record(alerts=alerts, receivers=streams, now=now)
    return sorted(receiving)


def _stored_alert(alert: Alert) -> StoredAlert:
    return StoredAlert(alert.alert_type, alert.confidence, alert.camera_id, alert.camera.site_id)
