"""Combine waiting alerts into messages, by each subscription's digest interval and limit. Sends nothing."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from vigil_apps.notifications.core.names import MessageKind
from vigil_apps.notifications.core.planning import MOST_ALERTS, RATE_PERIOD, Pace, group_alerts
from vigil_apps.notifications.models import Message, OutboxEntry, Subscription
from vigil_apps.notifications.selectors import waiting_subscriptions


def messages_plan(*, now: datetime, among: Collection[int] | None = None) -> list[UUID]:
    """Create the due messages of all subscriptions, or of those `among` them; return the messages' ids.

    Several processes can run this at once: each subscription is locked by one, and the others skip it.
    """
    made: list[UUID] = []
    for subscription_id in waiting_subscriptions(among=among):
        made += _plan(subscription_id, now)
    return made


@transaction.atomic
def _plan(subscription_id: int, now: datetime) -> list[UUID]:
    # NO KEY: allows concurrent inserts of alerts that refer to the subscription.
    locked = Subscription.objects.select_for_update(skip_locked=True, no_key=True).defer("target")
    subscription = locked.filter(pk=subscription_id).first()
    if subscription is None:
        return []
    waiting = OutboxEntry.objects.filter(subscription=subscription, message=None)
    if not subscription.is_active:
        waiting.delete()
        return []
    rows = list(waiting.order_by("id").values_list("id", "created_at")[:MOST_ALERTS])
    sent = subscription.messages.filter(kind=MessageKind.ALERTS, created_at__gt=now - RATE_PERIOD).count()
    pace = Pace(timedelta(minutes=subscription.digest_minutes), subscription.messages_per_hour)
    made: list[UUID] = []
    for group in group_alerts([since for _, since in rows], pace, sent_within_period=sent, now=now):
        message = Message.objects.create(id=uuid.uuid4(), subscription=subscription, next_attempt_at=now)
        waiting.filter(pk__in=[rows[index][0] for index in group]).update(message=message)
        made.append(message.id)
    return made
