"""The one place where alerts become notifications: whoever makes an alert, it is enqueued in the same transaction."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from notifications import dispatch
from notifications.services.outbox import alert_enqueue
from surveillance.models import Alert


@receiver(post_save, sender=Alert, dispatch_uid="notifications_of_alert")
def enqueue_alert(instance: Alert, created: bool, raw: bool = False, **_: Any) -> None:
    """Enqueues a new alert, and wakes the senders once it is certain. A sender that hears nothing looks by itself."""
    if not created or raw:
        return
    subscription_ids = alert_enqueue(alert=instance, now=timezone.now())
    if subscription_ids:
        transaction.on_commit(partial(dispatch.announce_alerts, subscription_ids), robust=True)
