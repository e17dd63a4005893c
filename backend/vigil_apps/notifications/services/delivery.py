"""One attempt to send one message: claim, send, note what came of it.

A claim moves the message's `next_attempt_at` behind the time that an attempt may take, so that nobody else sends it
meanwhile and somebody does when this process dies. The confirmation is noted at once. Dying between the two, after
the receiver has confirmed and before that is committed, is the one way in which a message is sent again: with the
same id, by which receivers know it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from celery.utils.time import get_exponential_backoff_interval
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from surveillance.credentials import CredentialsUnreadableError
from surveillance.models import Alert
from surveillance.selectors.access import alerts_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.notifications import metrics
from vigil_apps.notifications.channels import CHANNELS, DeliveryError
from vigil_apps.notifications.core.message import Content, ToldAlert
from vigil_apps.notifications.core.names import ChannelName, MessageKind, MessageState
from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.notifications.selectors import is_due
from vigil_apps.notifications.services.subscriptions import target_of
from vigil_contracts.names import AlertType

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
"""Longer than any attempt takes (`channels.base.SEND_SECONDS`, and Apprise's start)."""
FIRST_DELAY_SECONDS = 5
LONGEST_DELAY_SECONDS = 3600
LONGEST_PAUSE = timedelta(minutes=1)
"""For so long at most a receiver that failed holds up the other messages that are for it."""
KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is this process's to send; `attempt` tells this claim from later ones."""

    message: Message
    attempt: int


def message_claim(*, message_id: UUID, now: datetime) -> Claim | None:
    """Takes the message if it is due and nobody else has it."""
    with transaction.atomic():
        due = Message.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        message = due.filter(is_due(now=now), pk=message_id).first()
        if message is None:
            return None
        message.attempts += 1
        message.next_attempt_at = now + LEASE
        message.save(update_fields=["attempts", "next_attempt_at"])
    return Claim(message, message.attempts)


def message_deliver(*, message_id: UUID) -> MessageState | None:
    """One attempt. Returns the state after it; None where the message was not to be had."""
    claim = message_claim(message_id=message_id, now=timezone.now())
    if claim is None:
        return None
    subscription = Subscription.objects.select_related("user").defer("target").get(pk=claim.message.subscription_id)
    channel = ChannelName(subscription.channel)
    content = _content(claim.message, subscription)
    if content is None:
        return _settle(claim, channel, MessageState.DROPPED, "its alerts are gone, or not yours to see any more")
    try:
        CHANNELS[channel].send(target_of(subscription), content)
    except DeliveryError as error:
        return _failed(claim, channel, error)
    except CredentialsUnreadableError:
        return _failed(claim, channel, DeliveryError("the server's key to the address is gone"))
    except Exception as error:  # noqa: BLE001 one channel's mistake must not stop the others
        # Its words may repeat what is secret.
        logger.error("a channel failed: %s", type(error).__name__, extra={"channel": channel.value})
        return _failed(claim, channel, DeliveryError(f"the channel failed ({type(error).__name__})"))
    return _settle(claim, channel, MessageState.SENT, "")


def messages_delete_old(*, now: datetime) -> int:
    """Forgets messages that were settled long ago; returns how many rows went."""
    old = Message.objects.filter(settled_at__lt=now - KEPT).order_by("settled_at").values_list("pk", flat=True)
    ids = list(old[:FORGOTTEN_AT_ONCE])
    return Message.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _settle(claim: Claim, channel: ChannelName, state: MessageState, reason: str) -> MessageState:
    """Whoever has the confirmation notes it, though another may have claimed the message by now."""
    pending = Message.objects.filter(pk=claim.message.pk, state=MessageState.PENDING)
    pending.update(state=state, settled_at=timezone.now(), reason=reason)
    metrics.NOTIFICATIONS.labels(channel.value, state.value).inc()
    if state == MessageState.SENT:
        Subscription.objects.filter(pk=claim.message.subscription_id).exclude(paused_until=None).update(
            paused_until=None
        )
    return state


def _failed(claim: Claim, channel: ChannelName, error: DeliveryError) -> MessageState:
    """Another attempt later, or none any more; and a pause for whatever else is for this receiver."""
    now = timezone.now()
    if error.is_gone:
        # Saved and not updated, so that the audit trail tells why nothing comes any more.
        subscription = Subscription.objects.get(pk=claim.message.subscription_id)
        subscription.is_active = False
        subscription.save(update_fields=["is_active", "updated_at"])
    delay = timedelta(seconds=error.retry_after_seconds or _delay_seconds(claim.attempt))
    is_over = now + delay > claim.message.created_at + settings.VIGIL_NOTIFY_GIVE_UP
    if error.is_final or is_over:
        return _settle(claim, channel, MessageState.FAILED, error.reason)
    mine = Message.objects.filter(pk=claim.message.pk, state=MessageState.PENDING, attempts=claim.attempt)
    mine.update(next_attempt_at=now + delay, reason=error.reason)
    pause = now + min(delay, LONGEST_PAUSE)
    Subscription.objects.filter(pk=claim.message.subscription_id).update(paused_until=pause)
    metrics.NOTIFICATIONS.labels(channel.value, "retried").inc()
    return MessageState.PENDING


def _delay_seconds(attempt: int) -> float:
    """Exponential, and at random, so that a receiver that comes back does not meet all at once."""
    drawn = get_exponential_backoff_interval(
        FIRST_DELAY_SECONDS, attempt - 1, LONGEST_DELAY_SECONDS, full_jitter=True
    )
    return float(max(1, drawn))


def _content(message: Message, subscription: Subscription) -> Content | None:
    """What the message says; None where nothing is left of it that its user may see."""
    alerts: list[ToldAlert] = []
    if not subscription.user.is_active:
        return None
    if message.kind == MessageKind.ALERTS:
        if not subscription.is_active:
            return None
        ids = message.entries.values("alert")
        visible = alerts_visible_to(Principal.of_user(subscription.user)).filter(pk__in=ids).order_by("id")
        alerts = [_told(alert) for alert in visible]
        if not alerts:
            return None
    return Content(
        id=message.pk,
        kind=MessageKind(message.kind),
        subscription_id=subscription.pk,
        subscription_name=subscription.name,
        created_at=message.created_at,
        alerts=alerts,
    )


def _told(alert: Alert) -> ToldAlert:
    base = settings.VIGIL_PUBLIC_URL
    return ToldAlert(
        id=alert.pk,
        camera=alert.camera_id,
        camera_name=alert.camera.name,
        site=alert.camera.site_id,
        alert_type=AlertType(alert.alert_type),
        confidence=alert.confidence,
        timestamp=alert.timestamp,
        description=alert.description,
        label=alert.label,
        zone=alert.zone,
        rule=alert.rule,
        url=f"{base}/dashboard/alerts/{alert.pk}/" if base else "",
        image_key=alert.image,
    )
