"""What the detector has to say: one event per object and rule, whichever frames it was seen in."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from vigil_contracts import alert
from vigil_contracts.alert import AlertSubmission, PictureSubmission
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened before the camera, with its best picture so far."""

    event_id: str
    alert_type: AlertType
    label: str
    """The model's class, or for `tamper` what was done; empty for `camera_offline`."""
    confidence: float
    timestamp: datetime
    """When the frame that shows it was received; aware."""
    box: Box | None
    track: str
    zone: str = ""
    zone_seconds: float | None = None
    """How long the object had been in the zone, where the rule measures it."""
    rule: str = ""
    description: str = ""
    snapshot_jpeg: bytes = b""
    """The picture with the object boxed; empty where there is none."""

    def to_submission(self, camera_id: int) -> AlertSubmission:
        """The event as the API takes it; the picture travels beside it."""
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
class EventPicture:
    """A better picture of an event that was told before."""

    event_id: str
    box: Box
    snapshot_jpeg: bytes

    def to_submission(self, camera_id: int) -> PictureSubmission:
        """The fields as the API takes them; the picture travels beside them."""
        return PictureSubmission(event_id=self.event_id, camera=camera_id, box=alert.Box.of(self.box))


def new_event_id() -> str:
    """Unique over all detectors and restarts; sorts by time only by chance, so nothing may rely on that."""
    return uuid.uuid4().hex
