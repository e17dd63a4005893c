"""The last report of a camera's detector, in a separate table: the camera row does not change every 10 s."""

from typing import ClassVar

from django.db import models

from surveillance.models.camera import Camera


class CameraHealth(models.Model):
    """The last heartbeat."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="health_report")
    # No `choices`: new reasons need no migration. The heartbeat has been validated.
    phase = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    message = models.CharField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    codec = models.CharField(max_length=32, blank=True)
    frames_per_second = models.FloatField(null=True, blank=True)
    last_frame_time = models.DateTimeField(null=True, blank=True)
    inference = models.JSONField(
        default=dict, null=True, blank=True, help_text="As vigil_contracts.health.InferenceHealth."
    )
    """NULL in rows of a version that did not have the field yet."""
    objects_in_view = models.JSONField(
        null=True, blank=True, help_text="List of vigil_contracts.health.ObjectCount. Null: unknown."
    )
    shadow = models.JSONField(null=True, blank=True, help_text="As surveillance.core.shadow.StoredShadow.")
    cost = models.JSONField(null=True, blank=True, help_text="As vigil_contracts.cost.CameraCost. Null: unknown.")
    spooled_alerts = models.PositiveBigIntegerField(default=0)
    detector = models.CharField(max_length=253, blank=True)
    revision = models.CharField(max_length=64, blank=True)
    reported_at = models.DateTimeField()

    class Meta:
        verbose_name_plural: ClassVar[str] = "camera health"

    def __str__(self) -> str:
        return f"{self.phase}/{self.reason}"


class CameraHealthChange(models.Model):
    """A change of a camera's state, for its history."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="health_changes")
    at = models.DateTimeField()
    phase = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["camera", "-id"], name="health_change_newest")]

    def __str__(self) -> str:
        return f"{self.phase}/{self.reason} at {self.at}"
