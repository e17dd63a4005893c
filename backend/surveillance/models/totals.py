"""How many alerts each camera has given: counted as they are stored, since counting a million rows takes seconds."""

from django.db import models

from surveillance.models.camera import Camera


class CameraAlerts(models.Model):
    """One camera's alerts. An alert that is deleted later was given all the same."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="alert_totals")
    total = models.PositiveBigIntegerField(default=0)
    last_alert_at = models.DateTimeField(help_text="When the newest one happened, never later than it was stored.")

    def __str__(self) -> str:
        return f"{self.total} alerts"
