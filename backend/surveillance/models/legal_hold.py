"""Legal holds: what must not be deleted until the hold is lifted."""

from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, F, Q

from surveillance.models.alert import Alert
from surveillance.models.camera import Camera


class LegalHold(models.Model):
    """A hold on one alert, or on a period of a camera: its alerts, recordings and gaps.

    Both references are protected, so neither Django nor the database deletes a held alert, or a camera with a hold,
    on any path: a service, a cascade from its owner, the admin, or an older version of the backend.
    """

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="legal_holds")
    alert = models.ForeignKey(
        Alert,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="legal_holds",
        help_text="Null: a period.",
    )
    start = models.DateTimeField(help_text="Recordings from then on are kept.")
    end = models.DateTimeField()
    reason = models.CharField(max_length=500)
    # Plain values instead of foreign keys: a hold does not change when its user or site is deleted.
    site_id = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="The camera's site when the hold was placed; its admins may lift it."
    )
    placed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["camera", "end"], name="legal_hold_period")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            CheckConstraint(condition=Q(end__gt=F("start")), name="legal_hold_forward"),
        ]

    def __str__(self) -> str:
        what = f"alert {self.alert_id}" if self.alert_id is not None else f"{self.start} to {self.end}"
        return f"{self.camera}: {what}"
