"""An alert as Home Assistant receives it: an event, and the image."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil_apps.home_assistant.core.states import Message
from vigil_apps.home_assistant.core.topics import Topics
from vigil_contracts.names import AlertType

EVENT_VALID_FOR = timedelta(minutes=10)
"""Home Assistant gives an event the time of its arrival, and automations react to it. Older alerts, from a detector
that had no connection or from the time of an outage, are not published: nobody must be alarmed by them now."""


@dataclass(frozen=True, slots=True)
class PublishedAlert:
    """The fields of an alert that Home Assistant shows."""

    id: int
    camera_id: int
    alert_type: AlertType
    timestamp: datetime
    confidence: float
    label: str
    zone: str
    rule: str
    description: str

    def is_current(self, now: datetime) -> bool:
        """Return whether it is recent enough to be an event."""
        return now - self.timestamp <= EVENT_VALID_FOR


def event_message(alert: PublishedAlert, topics: Topics, *, public_url: str) -> Message:
    """Return the message of the event entity; its fields become the entity's attributes."""
    event = {
        "event_type": alert.alert_type.value,
        "alert": alert.id,
        "timestamp": alert.timestamp.isoformat(),
        "confidence": round(alert.confidence, 3),
        "label": alert.label,
        "zone": alert.zone,
        "rule": alert.rule,
        "description": alert.description,
        "url": f"{public_url}/dashboard/alerts/{alert.id}/" if public_url else "",
    }
    return Message(topics.of_camera(alert.camera_id, "alert"), json.dumps(event, ensure_ascii=False))
