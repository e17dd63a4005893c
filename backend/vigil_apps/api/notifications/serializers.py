"""Serializers of the notifications' endpoints. `core.settings` validates the input."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vigil_apps.notifications.models import CHANNELS, FORMATS, KINDS, STATES, Message, Subscription
from vigil_apps.notifications.services.subscriptions import masked_target
from vigil_contracts.bounds import MAX_COUNT
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Schedule

_ALERT_TYPES = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/AlertTypeEnum"},
    "maxItems": len(AlertType),
}
_IDS = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}, "maxItems": 1000}


@extend_schema_field(cast("Any", Schedule))
class ScheduleField(serializers.JSONField):
    """A schedule, in the format of a camera's."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class TargetField(serializers.JSONField):
    """The channel's own fields; responses mask them."""

    def get_attribute(self, instance: Subscription) -> dict[str, Any]:
        """Return the masked target, never the stored text."""
        return masked_target(instance)


@extend_schema_field(_ALERT_TYPES)
class AlertTypesField(serializers.JSONField):
    """A list of alert types."""


@extend_schema_field(_IDS)
class IdsField(serializers.JSONField):
    """A list of ids."""


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """Which alerts a user receives, and how."""

    name = serializers.CharField(max_length=100, help_text="Unique among your subscriptions.")
    channel = serializers.ChoiceField(choices=CHANNELS, help_text="Cannot be changed after creation.")
    format = serializers.ChoiceField(
        choices=FORMATS,
        required=False,
        help_text="`vigil`: alerts, of which several may share a message. `cloudevents`: an event stream with one "
        "CloudEvent for each change of an alert or a camera, for webhook, mqtt and kafka. Default: the first format "
        "of the channel. Cannot be changed after creation.",
    )
    target = TargetField(
        help_text="Where to send to. webhook: `url`, `secret` (generated if omitted, and returned only once); "
        "email: `address`; mqtt: `url`, `topic`; web_push: `endpoint`, `keys`; apprise: `url`; kafka: `url`, "
        "`topic`, `sasl_mechanism`. Answers show it masked; a field that is sent back like that stays as it is."
    )
    alert_types = AlertTypesField(required=False, help_text="Only alerts of these types; empty: all.")
    cameras = IdsField(
        required=False, help_text="Only these cameras and those of `sites`; both empty: all that you can view."
    )
    sites = IdsField(required=False, help_text="Only the cameras of these sites, and `cameras`.")
    minimum_confidence = serializers.FloatField(min_value=0, max_value=1, required=False)
    schedule = ScheduleField(
        required=False,
        allow_null=True,
        help_text="When to notify. Alerts at other times are not sent. Null: always.",
    )
    messages_per_hour = serializers.IntegerField(
        min_value=1,
        max_value=3600,
        required=False,
        allow_null=True,
        help_text="Default 60. Further alerts wait and are combined in the next message. Null: no limit, as "
        "with CloudEvents.",
    )
    digest_minutes = serializers.IntegerField(
        min_value=0,
        max_value=1440,
        required=False,
        help_text="Combine the alerts of this many minutes in one message. 0: send immediately.",
    )

    class Meta:
        model = Subscription
        fields = (
            "id",
            "name",
            "channel",
            "format",
            "target",
            "is_active",
            "alert_types",
            "cameras",
            "sites",
            "minimum_confidence",
            "schedule",
            "messages_per_hour",
            "digest_minutes",
            "paused_until",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "paused_until", "created_at", "updated_at")


class NewSubscriptionSerializer(serializers.Serializer[Any]):
    """A new subscription with its generated secret."""

    subscription = SubscriptionSerializer(read_only=True)
    secret = serializers.CharField(
        read_only=True, help_text="Signs a webhook's messages; shown only once. Empty if you supplied it."
    )


class MessageSerializer(serializers.ModelSerializer[Message]):
    """A message and its delivery state."""

    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    state = serializers.ChoiceField(choices=STATES, read_only=True)
    event = serializers.SerializerMethodField(help_text="Type of the CloudEvent; empty if it is none or is deleted.")
    alerts = serializers.SerializerMethodField(help_text="Ids of the alerts in the message.")

    class Meta:
        model = Message
        fields = (
            "id",
            "kind",
            "event",
            "state",
            "attempts",
            "created_at",
            "next_attempt_at",
            "settled_at",
            "reason",
            "alerts",
        )
        read_only_fields = fields

    def get_event(self, message: Message) -> str:
        """Return the event's type."""
        return message.event.type if message.event is not None else ""

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_alerts(self, message: Message) -> list[int]:
        """Return the alerts' ids in the order of their arrival."""
        if message.event is not None:
            return [message.event.alert_id] if message.event.alert_id is not None else []
        return [entry.alert_id for entry in message.entries.all()]


class ChannelSerializer(serializers.Serializer[Any]):
    """A channel that this server offers."""

    name = serializers.ChoiceField(choices=CHANNELS)
    title = serializers.CharField(help_text="Display name.")
    formats = serializers.ListField(
        child=serializers.ChoiceField(choices=FORMATS),
        max_length=len(FORMATS),
        help_text="Formats of a subscription's messages, the default first.",
    )
    is_available = serializers.BooleanField()
    problem = serializers.CharField(
        help_text="Why it is unavailable, and how to enable it; empty if it is available."
    )
    public_key = serializers.CharField(
        help_text="For web_push, the `applicationServerKey` for `pushManager.subscribe()`; otherwise empty."
    )
    target = serializers.JSONField(help_text="JSON schema of the subscription's `target`.")


class PushKeysSerializer(serializers.Serializer[Any]):
    """The browser's keys for encryption."""

    p256dh = serializers.CharField(max_length=200)
    auth = serializers.CharField(max_length=100)


class WebPushSerializer(serializers.Serializer[Any]):
    """A browser's `PushSubscription.toJSON()`, and its name. A browser may add properties."""

    endpoint = serializers.CharField(max_length=2000)
    keys = PushKeysSerializer()
    expirationTime = serializers.FloatField(  # noqa: N815
        required=False, allow_null=True, min_value=0, max_value=1e15, help_text="Not used."
    )
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
