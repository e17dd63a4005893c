"""Turns alerts into notifications: whatever creates an alert, it is enqueued in the same transaction."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from surveillance.models import Alert
from surveillance.signals import alerts_stored
from vigil_apps.notifications import dispatch
from vigil_apps.notifications.services.outbox import alerts_enqueue


@receiver(alerts_stored, dispatch_uid="notifications_of_alerts")
def enqueue_alerts(alerts: Sequence[Alert], raw: bool = False, **_: Any) -> None:
    """Enqueue new alerts, and wake the senders after the commit. Senders also poll in case a wake-up is lost."""
    if raw:
        return
    subscription_ids = alerts_enqueue(alerts=alerts, now=timezone.now())
    if subscription_ids:
        transaction.on_commit(partial(dispatch.announce_alerts, subscription_ids), robust=True)
