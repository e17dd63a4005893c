"""Alert totals for each camera, updated when alerts are stored: counting a million rows would take seconds."""

from django.db import models

from surveillance.models.camera import Camera


class CameraAlerts(models.Model):
    """Totals of one camera's alerts, including those deleted later."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="alert_totals")
    total = models.PositiveBigIntegerField(default=0)
    last_alert_at = models.DateTimeField(help_text="When the newest one happened, never later than it was stored.")

    def __str__(self) -> str:
        return f"{self.total} alerts"
