"""A camera and its alerts, with the columns that Vigil's detectors send."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Camera(models.Model):
    """A camera."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    rtsp_url = models.TextField()
    is_active = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """An alert, stored once by its `event_id`."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE)
    event_id = models.CharField(max_length=64)
    alert_type = models.CharField(max_length=32)
    confidence = models.FloatField()
    timestamp = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    description = models.CharField(max_length=500, blank=True)
    label = models.CharField(max_length=64, blank=True)
    box = models.JSONField(null=True, blank=True)
    image = models.ImageField(upload_to="alerts/%Y/%m/%d", blank=True)
    acknowledged = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["camera", "event_id"], name="plain_event_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["camera", "-timestamp"], name="plain_newest")]

    def __str__(self) -> str:
        return self.event_id
