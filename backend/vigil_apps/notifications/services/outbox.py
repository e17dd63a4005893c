"""Put an alert into the outbox of all matching subscriptions, in the alert's transaction."""

from collections.abc import Sequence
from datetime import datetime

from surveillance.models import Alert
from vigil_apps.notifications.core.matching import AlertFilter, StoredAlert
from vigil_apps.notifications.models import OutboxEntry, Subscription
from vigil_apps.notifications.selectors import subscriptions_that_see
from vigil_contracts.rules import Schedule


def alerts_enqueue(*, alerts: Sequence[Alert], now: datetime) -> list[int]:
    """Insert an entry per matching subscription, in one statement; return the subscriptions' ids."""
    seen_by = subscriptions_that_see(cameras={alert.camera for alert in alerts})
    filters = {one.pk: _filter_of(one) for subscriptions in seen_by.values() for one in subscriptions}
    entries = [
        OutboxEntry(subscription_id=subscription.pk, alert=alert, created_at=now)
        for alert in alerts
        for subscription in seen_by[alert.camera_id]
        if filters[subscription.pk].matches(_stored_alert(alert), now=now)
    ]
    if entries:
        OutboxEntry.objects.bulk_create(entries)
    return sorted({entry.subscription_id for entry in entries})


def _stored_alert(alert: Alert) -> StoredAlert:
    return StoredAlert(alert.alert_type, alert.confidence, alert.camera_id, alert.camera.site_id)


def _filter_of(subscription: Subscription) -> AlertFilter:
    return AlertFilter(
        alert_types=tuple(subscription.alert_types),
        cameras=tuple(subscription.cameras),
        sites=tuple(subscription.sites),
        minimum_confidence=subscription.minimum_confidence,
        schedule=Schedule.model_validate(subscription.schedule) if subscription.schedule is not None else None,
    )
