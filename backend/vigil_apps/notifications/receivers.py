"""Turns alerts into notifications: whatever creates an alert, it is enqueued in the same transaction."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from surveillance.models import Alert
from surveillance.signals import AlertChange, alerts_changed, alerts_stored
from vigil_apps.notifications import dispatch
from vigil_apps.notifications.services.events import alerts_changed_record
from vigil_apps.notifications.services.outbox import alerts_enqueue


@receiver(alerts_stored, dispatch_uid="notifications_of_alerts")
def enqueue_alerts(alerts: Sequence[Alert], raw: bool = False, **_: Any) -> None:
    """Enqueue new alerts, and wake the senders after the commit. Senders also poll in case a wake-up is lost."""
    if raw:
        return
    _announce(alerts_enqueue(alerts=alerts, now=timezone.now()))


@receiver(alerts_changed, dispatch_uid="events_of_alerts")
def record_changes(alert_ids: Collection[int], change: AlertChange, user: User | None, **_: Any) -> None:
    """Record the change for event streams in its transaction, and wake the senders after the commit."""
    _announce(alerts_changed_record(alert_ids=alert_ids, change=change, user=user, now=timezone.now()))


def _announce(subscription_ids: Collection[int]) -> None:
    if subscription_ids:
        transaction.on_commit(partial(dispatch.announce_alerts, subscription_ids), robust=True)
