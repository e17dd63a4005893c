"""An alert goes into the outbox of everybody who wants to hear of it, in the alert's own transaction."""

from datetime import datetime

from notifications.core.matching import Happened, Wish
from notifications.models import OutboxEntry, Subscription
from notifications.selectors import subscriptions_that_see
from surveillance.models import Alert
from vigil_contracts.rules import Schedule


def alert_enqueue(*, alert: Alert, now: datetime) -> list[int]:
    """Writes an entry for each subscription that wants the alert; returns their ids. One query, and one insert."""
    happened = Happened(alert.alert_type, alert.confidence, alert.camera_id, alert.camera.site_id)
    wanted = [
        subscription.pk
        for subscription in subscriptions_that_see(camera=alert.camera)
        if _wish(subscription).wants(happened, now=now)
    ]
    if wanted:
        OutboxEntry.objects.bulk_create(
            OutboxEntry(subscription_id=subscription_id, alert=alert, created_at=now) for subscription_id in wanted
        )
    return wanted


def _wish(subscription: Subscription) -> Wish:
    return Wish(
        alert_types=tuple(subscription.alert_types),
        cameras=tuple(subscription.cameras),
        sites=tuple(subscription.sites),
        minimum_confidence=subscription.minimum_confidence,
        schedule=Schedule.model_validate(subscription.schedule) if subscription.schedule is not None else None,
    )
