"""Subscriptions, and the outbox: alerts that wait for a message, and messages."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from surveillance.choices import choices
from surveillance.credentials import EncryptedTextField
from surveillance.models import Alert, Camera
from vigil_apps.notifications.core.names import ChannelName, MessageFormat, MessageKind, MessageState

CHANNELS = choices(ChannelName)
STATES = choices(MessageState)
KINDS = choices(MessageKind)
FORMATS = [(MessageFormat.VIGIL.value, "Vigil"), (MessageFormat.CLOUDEVENTS.value, "CloudEvents")]


class Subscription(models.Model):
    """Which alerts a user receives, and how. `core.settings` describes and validates the fields.

    Cameras and sites are lists of ids, not relations: after the last camera is deleted, an empty relation would match
    all.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions")
    name = models.CharField(max_length=100)
    channel = models.CharField(max_length=16, choices=CHANNELS)
    format = models.CharField(
        max_length=16, choices=FORMATS, default=MessageFormat.VIGIL.value, db_default=MessageFormat.VIGIL.value
    )
    target = EncryptedTextField(help_text="JSON; addresses and keys of the channel, all of them secret.")
    is_active = models.BooleanField(default=True)
    alert_types = models.JSONField(default=list, blank=True)
    cameras = models.JSONField(default=list, blank=True)
    sites = models.JSONField(default=list, blank=True)
    minimum_confidence = models.FloatField(default=0.0)
    schedule = models.JSONField(null=True, blank=True)
    messages_per_hour = models.PositiveIntegerField(null=True, blank=True)
    digest_minutes = models.PositiveIntegerField(default=0)
    # The receiver failed: its other messages wait until then, so that they do not block other receivers.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["user", "name"], name="subscription_name_unique_per_user"),
            CheckConstraint(condition=Q(channel__in=list(ChannelName)), name="subscription_channel_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.channel})"


class StreamEvent(models.Model):
    """A change of an alert or a camera, written in the transaction that changes it: one row for all receivers.

    `data` is the state after the change, so that every attempt sends the same.
    """

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=64)  # no `choices`: a new type needs no migration
    source = models.CharField(max_length=400)
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="+")
    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="+")
    recorded_at = models.DateTimeField(db_index=True)
    data = models.JSONField()

    class Meta:
        ordering: ClassVar[list[str]] = ["number"]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class CameraOutage(models.Model):
    """A camera of which `dev.vigil.camera.offline` was recorded, until it streams again or is deactivated.

    The process that deletes the row records the end, so that it is recorded once.
    """

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    noticed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"camera {self.camera_id} since {self.since}"


class Message(models.Model):
    """One message to one receiver. Its id is the same in every attempt; receivers detect duplicates by it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=16, choices=KINDS, default=MessageKind.ALERTS.value)
    # Of kind `event` only; the event is deleted with its alert or camera.
    event = models.ForeignKey(StreamEvent, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    event_camera = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Id of the event's camera: its events are sent one after the other."
    )
    state = models.CharField(max_length=16, choices=STATES, default=MessageState.PENDING.value)
    attempts = models.PositiveIntegerField(default=0)
    # A claim moves this to the latest end of the attempt: if the worker dies, the message becomes due again.
    next_attempt_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was confirmed, or given up.")
    reason = models.CharField(max_length=200, blank=True, help_text="Why the last attempt failed. Holds no secret.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_attempt_at"], name="message_due", condition=Q(state="pending")),
            models.Index(fields=["subscription", "-created_at", "-id"], name="message_of_subscription"),
            models.Index(fields=["settled_at"], name="message_settled"),
            models.Index(
                fields=["subscription", "event_camera", "event"],
                name="message_event_order",
                condition=Q(state="pending", event__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.id}"


class OutboxEntry(models.Model):
    """An alert that a subscription's user must receive; written in the alert's transaction."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="entries")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="entries")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        verbose_name_plural: ClassVar[str] = "outbox entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["subscription", "alert"], name="outbox_alert_once_per_subscription"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subscription", "id"], name="outbox_waiting", condition=Q(message=None)),
        ]

    def __str__(self) -> str:
        return f"alert {self.alert_id} for subscription {self.subscription_id}"
