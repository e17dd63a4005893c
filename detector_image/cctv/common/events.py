"""The detector's output: one event per object and rule, over any number of frames."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from vigil_contracts import alert
from vigil_contracts.alert import AlertSubmission, ImageSubmission
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a rule has detected, with its best image so far."""

    event_id: str
    alert_type: AlertType
    label: str
    """The model's class; for `tamper` the type of tampering; empty for `camera_offline`."""
    confidence: float
    timestamp: datetime
    """When the frame of the event was received; aware."""
    box: Box | None
    track: str
    zone: str = ""
    zone_seconds: float | None = None
    """How long the object had been in the zone, if the rule measures it."""
    rule: str = ""
    description: str = ""
    snapshot_jpeg: bytes = b""
    """The image with the object boxed; empty if there is none."""

    def to_submission(self, camera_id: int) -> AlertSubmission:
        """Return the event as the API expects it; the image is sent separately."""
        return AlertSubmission(
            event_id=self.event_id,
            camera=camera_id,
            alert_type=self.alert_type,
            confidence=self.confidence,
            timestamp=self.timestamp,
            label=self.label[:64],
            box=alert.Box.of(self.box) if self.box is not None else None,
            track=self.track[:64],
            zone=self.zone[:64],
            zone_seconds=self.zone_seconds,
            rule=self.rule[:64],
            description=self.description[:500],
        )


@dataclass(frozen=True, slots=True)
class EventImage:
    """A better image for an event that was already sent."""

    event_id: str
    box: Box
    snapshot_jpeg: bytes

    def to_submission(self, camera_id: int) -> ImageSubmission:
        """Return the fields as the API expects them; the image is sent separately."""
        return ImageSubmission(event_id=self.event_id, camera=camera_id, box=alert.Box.of(self.box))


def new_event_id() -> str:
    """Return an id that is unique across all detectors and restarts. Do not rely on its sort order."""
    return uuid.uuid4().hex
