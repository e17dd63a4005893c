"""Attempt to send one message: claim it, send it, record the result.

A claim moves the message's `next_attempt_at` beyond the maximum duration of an attempt: no other process sends it in
the meantime, and another one does if this process dies. The confirmation is recorded at once. A message is sent twice
only if the process dies between the receiver's confirmation and the commit; the id is the same, so that receivers can
detect it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from surveillance.credentials import CredentialsUnreadableError
from surveillance.models import Alert
from surveillance.selectors.access import alerts_visible_to, cameras_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.notifications import metrics
from vigil_apps.notifications.channels import CHANNELS, DeliveryError
from vigil_apps.notifications.core.events import CloudEvent, sample_event
from vigil_apps.notifications.core.message import Content, NotifiedAlert
from vigil_apps.notifications.core.names import ChannelName, MessageFormat, MessageKind, MessageState
from vigil_apps.notifications.models import Message, StreamEvent, Subscription
from vigil_apps.notifications.selectors import following_event, is_due, is_next_event
from vigil_apps.notifications.services.events import cloud_event
from vigil_apps.notifications.services.subscriptions import target_of
from vigil_contracts.backoff import Jitter, pause_seconds
from vigil_contracts.names import AlertType

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
"""Longer than any attempt (`channels.base.SEND_SECONDS` plus the start of Apprise)."""
FIRST_DELAY_SECONDS = 5
LONGEST_DELAY_SECONDS = 3600
LONGEST_PAUSE = timedelta(minutes=1)
"""A failed receiver's other messages wait for at most this long."""
KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process may send; `attempt` distinguishes this claim from later ones."""

    message: Message
    attempt: int


def message_claim(*, message_id: UUID, now: datetime) -> Claim | None:
    """Claim the message if it is due and unclaimed."""
    with transaction.atomic():
        due = Message.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        message = due.filter(is_due(now=now), pk=message_id).first()
        if message is None or (message.event_id is not None and not is_next_event(message)):
            return None
        message.attempts += 1
        message.next_attempt_at = now + LEASE
        message.save(update_fields=["attempts", "next_attempt_at"])
    return Claim(message, message.attempts)


def message_deliver(*, message_id: UUID) -> MessageState | None:
    """Attempt to deliver the message, and after an event those of its camera that follow it.

    Return the new state of the message; None if it could not be claimed.
    """
    claim = message_claim(message_id=message_id, now=timezone.now())
    if claim is None:
        return None
    first = state = _attempt(claim)
    while claim is not None and claim.message.event_camera is not None and state != MessageState.PENDING:
        following = following_event(claim.message)
        claim = message_claim(message_id=following, now=timezone.now()) if following is not None else None
        state = _attempt(claim) if claim is not None else state
    return first


def _attempt(claim: Claim) -> MessageState:
    subscription = Subscription.objects.select_related("user").defer("target").get(pk=claim.message.subscription_id)
    channel = ChannelName(subscription.channel)
    content = _content(claim.message, subscription)
    if content is None:
        return _record_outcome(
            claim, channel, MessageState.DROPPED, "its alerts are gone, or not yours to see any more"
        )
    try:
        CHANNELS[channel].send(target_of(subscription), content)
    except DeliveryError as error:
        return _record_failure(claim, channel, error)
    except CredentialsUnreadableError:
        return _record_failure(claim, channel, DeliveryError("the key that encrypted the target is missing"))
    except Exception as error:  # noqa: BLE001 one channel's bug must not stop the others
        # The error's text may contain secrets.
        logger.error("a notification channel failed: %s", type(error).__name__, extra={"channel": channel.value})
        return _record_failure(claim, channel, DeliveryError(f"the channel failed ({type(error).__name__})"))
    return _record_outcome(claim, channel, MessageState.SENT, "")


def messages_delete_old(*, now: datetime) -> int:
    """Delete messages that were settled long ago; return the number of deleted rows."""
    old = Message.objects.filter(settled_at__lt=now - KEPT).order_by("settled_at").values_list("pk", flat=True)
    ids = list(old[:FORGOTTEN_AT_ONCE])
    deleted = Message.objects.filter(pk__in=ids).delete()[0] if ids else 0
    return deleted + _delete_old_events(now)


def _delete_old_events(now: datetime) -> int:
    """Delete events of which no message is left."""
    old = StreamEvent.objects.filter(recorded_at__lt=now - KEPT, messages=None).order_by("recorded_at")
    ids = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    return StreamEvent.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _record_outcome(claim: Claim, channel: ChannelName, state: MessageState, reason: str) -> MessageState:
    """Record the result even if another process has claimed the message in the meantime."""
    pending = Message.objects.filter(pk=claim.message.pk, state=MessageState.PENDING)
    pending.update(state=state, settled_at=timezone.now(), reason=reason)
    metrics.NOTIFICATIONS.labels(channel.value, state.value).inc()
    if state == MessageState.SENT:
        Subscription.objects.filter(pk=claim.message.subscription_id).exclude(paused_until=None).update(
            paused_until=None
        )
    return state


def _record_failure(claim: Claim, channel: ChannelName, error: DeliveryError) -> MessageState:
    """Schedule the next attempt or give up, and pause the receiver's other messages."""
    now = timezone.now()
    if error.is_gone:
        # `save` instead of `update`, so that the audit log shows why the subscription is off.
        subscription = Subscription.objects.get(pk=claim.message.subscription_id)
        subscription.is_active = False
        subscription.save(update_fields=["is_active", "updated_at"])
    delay = timedelta(seconds=error.retry_after_seconds or _delay_seconds(claim.attempt))
    if claim.message.event_camera is not None:
        delay = min(delay, LONGEST_PAUSE)  # later events of the camera wait for this one
    is_over = now + delay > claim.message.created_at + settings.VIGIL_NOTIFY_GIVE_UP
    if error.is_final or is_over:
        return _record_outcome(claim, channel, MessageState.FAILED, error.reason)
    mine = Message.objects.filter(pk=claim.message.pk, state=MessageState.PENDING, attempts=claim.attempt)
    mine.update(next_attempt_at=now + delay, reason=error.reason)
    pause = now + min(delay, LONGEST_PAUSE)
    Subscription.objects.filter(pk=claim.message.subscription_id).update(paused_until=pause)
    metrics.NOTIFICATIONS.labels(channel.value, "retried").inc()
    return MessageState.PENDING


def _delay_seconds(attempt: int) -> float:
    """Return an exponential delay with jitter, so that a recovered receiver does not get all messages at once."""
    return max(1.0, pause_seconds(attempt, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, jitter=Jitter.FULL))


def _content(message: Message, subscription: Subscription) -> Content | None:
    """Return the message's content; None if its user can no longer view any of it."""
    alerts: list[NotifiedAlert] = []
    event: CloudEvent | None = None
    if not subscription.user.is_active:
        return None
    if message.kind == MessageKind.EVENT:
        event = _visible_event(message, subscription)
        if event is None:
            return None
    elif message.kind == MessageKind.TEST and subscription.format == MessageFormat.CLOUDEVENTS:
        event = _test_event(message, subscription)
    if message.kind == MessageKind.ALERTS:
        if not subscription.is_active:
            return None
        ids = message.entries.values("alert")
        visible = alerts_visible_to(Principal.of_user(subscription.user)).filter(pk__in=ids).order_by("id")
        alerts = [_notified_alert(alert) for alert in visible]
        if not alerts:
            return None
    return Content(
        id=message.pk,
        kind=MessageKind(message.kind),
        subscription_id=subscription.pk,
        subscription_name=subscription.name,
        created_at=message.created_at,
        alerts=alerts,
        event=event,
    )


def _visible_event(message: Message, subscription: Subscription) -> CloudEvent | None:
    """Return the event; None if it is deleted or its camera is no longer visible to the user."""
    event = message.event
    if event is None or not subscription.is_active:
        return None
    cameras = cameras_visible_to(Principal.of_user(subscription.user))
    return cloud_event(event) if cameras.filter(pk=event.camera_id).exists() else None


def _test_event(message: Message, subscription: Subscription) -> CloudEvent:
    return sample_event(
        event_id=str(message.pk),
        source=f"{settings.VIGIL_PUBLIC_URL}/api/notifications/{subscription.pk}/",
        subscription_id=subscription.pk,
        subscription_name=subscription.name,
        at=message.created_at,
    )


def _notified_alert(alert: Alert) -> NotifiedAlert:
    base = settings.VIGIL_PUBLIC_URL
    return NotifiedAlert(
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
