"""Write subscriptions; they are validated as a whole, with errors that name the field."""

import json
from collections.abc import Collection, Mapping
from itertools import chain, count
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from surveillance.core.validation import InvalidInputError, as_json_object, parse
from surveillance.credentials import CredentialsUnreadableError, UnreadableText
from surveillance.selectors.access import cameras_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.notifications.channels import CHANNELS, Target
from vigil_apps.notifications.channels.base import MASK
from vigil_apps.notifications.channels.webhook import WebhookTarget, new_secret
from vigil_apps.notifications.core.names import ChannelName, MessageKind
from vigil_apps.notifications.core.settings import SubscriptionSettings
from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.sites.selectors import sites_visible_to
from vigil_apps.web.quotas import SUBSCRIPTIONS, lock, quota_problem

NAME_TAKEN = "You have a subscription with this name already."
TARGET_UNREADABLE = (
    "cannot be read: the key that encrypted it is not in VIGIL_CREDENTIAL_KEYS; restore the key, or enter it again"
)
CHANNEL_STAYS = "cannot be changed; make another subscription"
_UNCHANGEABLE = ("channel", "format")
_COLUMNS = tuple(name for name in SubscriptionSettings.model_fields if name not in {"channel", "target"})


def target_of(subscription: Subscription) -> Target:
    """Return the decrypted target. Raises surveillance.credentials.CredentialsUnreadableError."""
    kind = CHANNELS[ChannelName(subscription.channel)].target_type
    # A stored target stays readable even if its network is no longer permitted: sending checks that.
    values = _stored_target(subscription)
    target: Target = kind.model_construct(**_construct(kind, values))
    return target


def _stored_target(subscription: Subscription) -> dict[str, Any]:
    """Return the target's fields. Raises CredentialsUnreadableError."""
    if isinstance(subscription.target, UnreadableText):
        raise CredentialsUnreadableError(TARGET_UNREADABLE)
    fields: dict[str, Any] = json.loads(subscription.target)
    return fields


def masked_target(subscription: Subscription) -> dict[str, Any]:
    """Return the masked target for its user; if it cannot be decrypted, `problem` says why."""
    if isinstance(subscription.target, UnreadableText):
        return {"problem": TARGET_UNREADABLE}
    return dict(CHANNELS[ChannelName(subscription.channel)].mask(target_of(subscription)))


def subscription_create(*, user: User, values: Mapping[str, Any]) -> Subscription:
    """Create a subscription. Raises InvalidInputError that names the field."""
    settings = parse(SubscriptionSettings, as_json_object(dict(values), field="non_field_errors"))
    subscription = Subscription(user=user, channel=settings.channel.value)
    _set_target(subscription, settings.target)
    return _store(subscription, settings, {*_COLUMNS})


def subscription_update(*, subscription: Subscription, values: Mapping[str, Any]) -> Subscription:
    """Change the given fields, except channel and format. Raises InvalidInputError that names the field."""
    for name in _UNCHANGEABLE:
        if values.get(name, getattr(subscription, name)) != getattr(subscription, name):
            raise InvalidInputError({name: [CHANNEL_STAYS]})
    settings = parse(SubscriptionSettings, {**_as_values(subscription), **values})
    if "target" in values:
        _set_target(subscription, settings.target)
    return _store(subscription, settings, values)


def subscription_delete(*, subscription: Subscription) -> None:
    """Delete the subscription and its unsent messages."""
    with transaction.atomic():
        subscription.delete()


def web_push_subscribe(*, user: User, name: str, target: Mapping[str, Any]) -> tuple[Subscription, bool]:
    """Create or update a browser's subscription; return it and whether it is new. Raises InvalidInputError."""
    for known in Subscription.objects.filter(user=user, channel=ChannelName.WEB_PUSH):
        is_readable = not isinstance(known.target, UnreadableText)
        if is_readable and _stored_target(known)["endpoint"] == target.get("endpoint"):
            values = {"target": target, "is_active": True, **({"name": name} if name else {})}
            return subscription_update(subscription=known, values=values), False
    values = {"name": name or _free_name(user), "channel": ChannelName.WEB_PUSH, "target": target}
    return subscription_create(user=user, values=values), True


@transaction.atomic
def message_create_test(*, subscription: Subscription) -> Message:
    """Put a test message into the outbox. It ignores a pause of the receiver."""
    now = timezone.now()
    Subscription.objects.filter(pk=subscription.pk).update(paused_until=None)
    return Message.objects.create(subscription=subscription, kind=MessageKind.TEST.value, next_attempt_at=now)


def _store(subscription: Subscription, settings: SubscriptionSettings, given: Collection[str]) -> Subscription:
    _check_ids(subscription.user, settings, given)
    sent = settings.model_dump(mode="json")
    for name in _COLUMNS:
        setattr(subscription, name, sent[name])
    try:
        with transaction.atomic():
            if subscription.pk is None:
                _check_quota(subscription.user)
            subscription.save()
    except IntegrityError:
        taken = Subscription.objects.filter(user=subscription.user, name=subscription.name).exclude(
            pk=subscription.pk
        )
        if not taken.exists():
            raise
        raise InvalidInputError({"name": [NAME_TAKEN]}) from None
    return subscription


def _check_quota(user: User) -> None:
    lock(user)
    problem = quota_problem(SUBSCRIPTIONS, used=Subscription.objects.filter(user=user).count())
    if problem is not None:
        raise InvalidInputError({"non_field_errors": [problem]})


def _as_values(subscription: Subscription) -> dict[str, Any]:
    stored = {name: getattr(subscription, name) for name in _COLUMNS}
    target = {} if isinstance(subscription.target, UnreadableText) else _stored_target(subscription)
    return {**stored, "channel": subscription.channel, "target": target}


def _set_target(subscription: Subscription, sent: dict[str, Any]) -> None:
    """Set the target. Masked values that are sent back unchanged are kept; altered ones are an error."""
    channel = CHANNELS[ChannelName(subscription.channel)]
    if channel.unavailable():
        raise InvalidInputError({"channel": [channel.unavailable()]})
    values = dict(sent)
    if subscription.pk is not None and not isinstance(subscription.target, UnreadableText):
        stored, shown = _stored_target(subscription), masked_target(subscription)
        values = {name: stored[name] if value == shown.get(name) else value for name, value in values.items()}
        values |= {name: stored[name] for name in ("secret",) if name in stored and not values.get(name)}
    masked = [name for name, value in values.items() if isinstance(value, str) and MASK in value]
    if masked:
        raise InvalidInputError({f"target.{name}": [f"contains {MASK}; enter it in full"] for name in masked})
    target = parse(channel.target_type, values, prefix="target")
    if isinstance(target, WebhookTarget) and not target.secret:
        target = target.model_copy(update={"secret": new_secret()})
    subscription.target = json.dumps(target.model_dump(mode="json"), sort_keys=True)


def _check_ids(user: User, settings: SubscriptionSettings, given: Collection[str]) -> None:
    """Check that newly named cameras and sites are visible. Earlier ones may have been deleted since."""
    errors: dict[str, list[str]] = {}
    for name in ("cameras", "sites"):
        wanted = set(getattr(settings, name)) if name in given else set()
        if not wanted:
            continue
        visible = cameras_visible_to(Principal.of_user(user)) if name == "cameras" else sites_visible_to(user=user)
        unknown = wanted - set(visible.filter(pk__in=wanted).values_list("pk", flat=True))
        if unknown:
            errors[name] = [f"must be ids of {name} that you see; there is no {min(unknown)}"]
    if errors:
        raise InvalidInputError(errors)


def _free_name(user: User) -> str:
    taken = set(Subscription.objects.filter(user=user).values_list("name", flat=True))
    names = chain(["This browser"], (f"Browser {number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _construct(kind: type[Target], values: dict[str, Any]) -> dict[str, Any]:
    made = dict(values)
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Target):
            made[name] = field.annotation.model_construct(**values[name])
    return made
