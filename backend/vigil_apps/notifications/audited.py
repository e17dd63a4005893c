"""The audit log's view of subscriptions: the masked target, with a fingerprint of the full one."""

from typing import Any

from vigil_apps.audit.tracking import Tracked, fingerprint, track
from vigil_apps.notifications.models import Subscription
from vigil_apps.notifications.services.subscriptions import masked_target

_PLAIN = (
    "name",
    "channel",
    "format",
    "is_active",
    "alert_types",
    "cameras",
    "sites",
    "minimum_confidence",
    "schedule",
    "messages_per_hour",
    "digest_minutes",
)


def _fields(subscription: Subscription) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(subscription, name) for name in _PLAIN}
    return {
        **shown,
        "user": subscription.user_id,
        "target": masked_target(subscription),
        "target_fingerprint": fingerprint(subscription.target),
    }


def connect() -> None:
    """Start tracking."""
    track(Subscription, Tracked("subscription", _fields))
