"""Alerts: events that a detector has reported."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from surveillance.choices import ALERT_TYPES
from surveillance.models.camera import Camera
from vigil_contracts.names import AlertType


class Alert(models.Model):
    """One alert. `event_id` is the detector's id of the event, unique for each camera."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="alerts")
    event_id = models.CharField(max_length=64)
    alert_type = models.CharField(max_length=32, choices=ALERT_TYPES)
    confidence = models.FloatField()
    timestamp = models.DateTimeField(help_text="When the frame that shows it was received, by the detector's clock.")
    received_at = models.DateTimeField(auto_now_add=True, help_text="When it was stored, by the server's clock.")
    description = models.CharField(max_length=500, blank=True)
    label = models.CharField(max_length=64, blank=True)
    box = models.JSONField(null=True, blank=True)
    track = models.CharField(max_length=64, blank=True)
    zone = models.CharField(max_length=64, blank=True)
    zone_seconds = models.FloatField(
        null=True, blank=True, help_text="How long the object had been in the zone, where the rule measures it."
    )
    rule = models.CharField(max_length=64, blank=True)
    image = models.CharField(max_length=200, blank=True, help_text="Key of the picture in the storage.")
    clip = models.CharField(max_length=200, blank=True, help_text="Key of the clip in the storage.")
    clip_start_ms = models.BigIntegerField(
        null=True, blank=True, help_text="The clip is the part of the recording that begins then, if it has no key."
    )
    clip_end_ms = models.BigIntegerField(null=True, blank=True, help_text="When this part ends.")
    image_bytes = models.PositiveIntegerField(default=0, db_default=0, help_text="Size of the picture.")
    clip_bytes = models.PositiveIntegerField(default=0, db_default=0, help_text="Size of the clip.")
    acknowledged = models.BooleanField(default=False)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved = models.BooleanField(default=False)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    is_false_positive = models.BooleanField(default=False)

    class Meta:
        # The order of storing: a camera with a wrong clock does not move alerts out of sight.
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["camera", "event_id"], name="alert_event_unique_per_camera"),
            CheckConstraint(condition=Q(confidence__gte=0.0, confidence__lte=1.0), name="alert_confidence_0_to_1"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["camera", "-id"], name="alert_camera_newest"),
            models.Index(fields=["-timestamp", "-id"], name="alert_latest"),
            models.Index(fields=["-id"], name="alert_open_newest", condition=Q(acknowledged=False)),
            # For retention, which selects a camera's oldest alerts, and the sweep, which looks up a file's row.
            models.Index(fields=["camera", "received_at"], name="alert_camera_oldest"),
            models.Index(fields=["image"], name="alert_of_image", condition=~Q(image="")),
            models.Index(fields=["clip"], name="alert_of_clip", condition=~Q(clip="")),
            models.Index(
                fields=["camera"],
                name="alert_offline_open",
                condition=Q(alert_type=AlertType.CAMERA_OFFLINE.value, resolved=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert_type} {self.event_id}"

    @property
    def has_clip(self) -> bool:
        """Return whether it has a clip: a file of its own, or a part of the camera's recording."""
        return bool(self.clip) or self.clip_start_ms is not None


class AlertComment(models.Model):
    """A user's comment on an alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk} on alert {self.alert_id}"
