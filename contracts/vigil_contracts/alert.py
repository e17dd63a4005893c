"""Alerts that a detector sends to the API: the fields of `POST /api/send-alert/` and related endpoints."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts import geometry
from vigil_contracts.bounds import MAX_SECONDS_IN_ZONE, Instant, RowId
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Fraction

NEW_FIELDS = frozenset({"zone_seconds"})
"""Fields that the previous version does not know: its API rejects them, and its detector cannot read them."""
EventId = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]


class Box(BaseModel):
    """A rectangle in fractions of the frame's width and height; the origin is the top left corner."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    x_min: Fraction
    y_min: Fraction
    x_max: Fraction
    y_max: Fraction

    @classmethod
    def of(cls, box: geometry.Box) -> Self:
        """Return `box` as the API takes it. Raises ValidationError if it reaches beyond the frame."""
        return cls(x_min=box.x_min, y_min=box.y_min, x_max=box.x_max, y_max=box.y_max)

    @property
    def corners(self) -> geometry.Box:
        """Return the box to calculate with."""
        return geometry.Box(self.x_min, self.y_min, self.x_max, self.y_max)


class AlertSubmission(BaseModel):
    """One event that a detector reports. Its `event_id` makes the POST idempotent."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    event_id: EventId
    camera: RowId
    alert_type: AlertType
    confidence: Fraction
    timestamp: Instant = Field(description="When the frame of the event was received.")
    label: str = Field(default="", max_length=64, description="The model's class.")
    box: Box | None = None
    track: str = Field(default="", max_length=64, description="The detector's name of the object.")
    zone: str = Field(default="", max_length=64)
    zone_seconds: float | None = Field(
        default=None,
        ge=0,
        le=MAX_SECONDS_IN_ZONE,
        allow_inf_nan=False,
        description="How long the object had been in the zone, in seconds.",
    )
    rule: str = Field(default="", max_length=64)
    description: str = Field(default="", max_length=500)


class ImageSubmission(BaseModel):
    """A better image that replaces that of an event's alert: the fields of `POST /api/send-picture/`."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    event_id: EventId
    camera: RowId
    box: Box = Field(description="The object's box in this image.")


class ClipSubmission(BaseModel):
    """The clip of an event: the fields of `POST /api/send-clip/`. It is sent after the event's alert."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    event_id: EventId
    camera: RowId
    started_at: Instant = Field(description="When the clip's first frame was received.")
    duration_seconds: float = Field(ge=0, le=600)
