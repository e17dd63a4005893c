"""Read subscriptions and due messages."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from surveillance.models import Camera
from surveillance.selectors.access import viewers_of
from vigil_apps.notifications.core.matching import AlertFilter
from vigil_apps.notifications.core.names import MessageFormat, MessageState
from vigil_apps.notifications.models import Message, OutboxEntry, Subscription
from vigil_apps.sites.models import Membership
from vigil_apps.web.statements import rows_of
from vigil_contracts.rules import Schedule


def subscriptions_of(*, user: User) -> QuerySet[Subscription]:
    """Return the user's subscriptions. No other user sees them, whatever their role: they contain contact details."""
    return Subscription.objects.filter(user=user)


def messages_of(*, subscription: Subscription) -> QuerySet[Message]:
    """Return the subscription's messages, the newest first."""
    return subscription.messages.order_by("-created_at", "-id").select_related("event").prefetch_related("entries")


def subscriptions_that_see(
    *,
    cameras: Collection[Camera],
    message_format: MessageFormat | None = None,
) -> dict[int, list[Subscription]]:
    """Return for each camera the active subscriptions of all users who can view it, without their targets.

    `message_format`: only those with this one. Takes one query if there are none, otherwise two, and one more if a
    camera is in a site.
    """
    if not rows_of("SELECT id FROM notifications_subscription WHERE is_active LIMIT 1"):
        return {camera.pk: [] for camera in cameras}
    sites = {camera.site_id for camera in cameras if camera.site_id is not None}
    sees = Q(user__in={camera.user_id for camera in cameras}) | Q(user__is_superuser=True)
    if sites:
        sees |= Q(user__in=Membership.objects.filter(site__in=sites).values("user"))
    active = Subscription.objects.filter(sees, is_active=True, user__is_active=True)
    if message_format is not None:
        active = active.filter(format=message_format)
    found = list(active.annotate(sees_all=F("user__is_superuser")).defer("target"))
    viewers = viewers_of(cameras) if found else {}
    return {
        camera.pk: [one for one in found if one.sees_all or one.user_id in viewers[camera.pk]] for camera in cameras
    }


def filter_of(subscription: Subscription) -> AlertFilter:
    """Return the subscription's filters."""
    return AlertFilter(
        alert_types=tuple(subscription.alert_types),
        cameras=tuple(subscription.cameras),
        sites=tuple(subscription.sites),
        minimum_confidence=subscription.minimum_confidence,
        schedule=Schedule.model_validate(subscription.schedule) if subscription.schedule is not None else None,
    )


def waiting_subscriptions(*, among: Collection[int] | None = None) -> list[int]:
    """Return the ids of subscriptions with alerts that are not in a message yet."""
    waiting = OutboxEntry.objects.filter(message=None)
    if among is not None:
        waiting = waiting.filter(subscription__in=among)
    return list(waiting.order_by("subscription").values_list("subscription", flat=True).distinct())


def is_due(*, now: datetime) -> Q:
    """Return the condition that a message may be sent now."""
    reachable = Q(subscription__paused_until=None) | Q(subscription__paused_until__lte=now)
    return Q(state=MessageState.PENDING, next_attempt_at__lte=now) & reachable


def due_messages(*, now: datetime, limit: int, among: Collection[int] | None = None) -> list[UUID]:
    """Return the ids of messages to send, the longest waiting first; of these subscriptions only, if given.

    Of several events of a camera only the first is returned: the others follow it.
    """
    due = Message.objects.filter(is_due(now=now)).exclude(Exists(_earlier_events()))
    if among is not None:
        due = due.filter(subscription__in=among)
    return list(due.order_by("next_attempt_at", "created_at").values_list("id", flat=True)[:limit])


def is_next_event(message: Message) -> bool:
    """Return whether no earlier event of the same camera still waits for this receiver."""
    return not Message.objects.filter(pk=message.pk).filter(Exists(_earlier_events())).exists()


def following_event(message: Message) -> UUID | None:
    """Return the id of the receiver's next pending event of the same camera."""
    pending = Message.objects.filter(
        subscription=message.subscription_id,
        event_camera=message.event_camera,
        event__isnull=False,
        state=MessageState.PENDING,
    )
    return pending.order_by("event").values_list("pk", flat=True).first()


def _earlier_events() -> QuerySet[Message]:
    return Message.objects.filter(
        subscription=OuterRef("subscription"),
        event_camera=OuterRef("event_camera"),
        event__lt=OuterRef("event"),
        state=MessageState.PENDING,
    )


def outbox_pending() -> int:
    """Return the number of waiting alerts and messages."""
    waiting = OutboxEntry.objects.filter(message=None).count()
    return waiting + Message.objects.filter(state=MessageState.PENDING).count()
