"""The content of a message, before a channel formats it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vigil_apps.notifications.core.events import CONTENT_TYPE, CloudEvent
from vigil_apps.notifications.core.names import MessageKind
from vigil_contracts.names import AlertType

LISTED = 10
"""Maximum number of alerts listed in a text; the remaining ones are only counted."""


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """An alert as receivers get it. `url` is empty if the backend does not know its public URL."""

    id: int
    camera: int
    camera_name: str
    site: int | None
    alert_type: AlertType
    confidence: float
    timestamp: datetime
    description: str
    label: str
    zone: str
    rule: str
    url: str
    image_key: str

    @property
    def sentence(self) -> str:
        """Return a text such as «Person at Front gate, zone door»."""
        what = self.alert_type.replace("_", " ").capitalize()
        place = f", zone {self.zone}" if self.zone else ""
        return f"{what} at {self.camera_name}{place}"

    @property
    def line(self) -> str:
        """Return the text with the time and other details."""
        sure = "" if self.alert_type == AlertType.CAMERA_OFFLINE else f" ({self.confidence:.0%} sure)"
        more = f" {self.description}" if self.description else ""
        return f"{self.timestamp:%Y-%m-%d %H:%M:%S} UTC: {self.sentence}{sure}.{more}"

    def as_json(self) -> dict[str, Any]:
        """Return the alert for programs."""
        return {
            "id": self.id,
            "camera": self.camera,
            "camera_name": self.camera_name,
            "site": self.site,
            "alert_type": str(self.alert_type),
            "confidence": self.confidence,
            "timestamp": self.timestamp.isoformat().replace("+00:00", "Z"),
            "description": self.description,
            "label": self.label,
            "zone": self.zone,
            "rule": self.rule,
            "url": self.url or None,
        }


@dataclass(frozen=True, slots=True)
class Content:
    """A message, identical in every attempt. Receivers detect a repeated message by its `id`."""

    id: UUID
    kind: MessageKind
    subscription_id: int
    subscription_name: str
    created_at: datetime
    alerts: Sequence[NotifiedAlert]
    event: CloudEvent | None = None
    """Replaces everything else, for a subscription of the format CloudEvents."""

    @property
    def media_type(self) -> str:
        """Return the media type of `body`."""
        return CONTENT_TYPE if self.event is not None else "application/json"

    @property
    def body(self) -> bytes:
        """Return the message for programs: webhooks, MQTT and Kafka."""
        if self.event is not None:
            return self.event.structured()
        return json.dumps(self.as_json(), ensure_ascii=False).encode()

    @property
    def title(self) -> str:
        """Return a title of one line."""
        if self.kind == MessageKind.TEST:
            return "Vigil: this is a test"
        if len(self.alerts) == 1:
            return f"Vigil: {self.alerts[0].sentence}"
        cameras = len({alert.camera for alert in self.alerts})
        where = self.alerts[0].camera_name if cameras == 1 else f"{cameras} cameras"
        return f"Vigil: {len(self.alerts)} alerts at {where}"

    @property
    def text(self) -> str:
        """Return the plain text."""
        if self.kind == MessageKind.TEST:
            return f"Notifications of «{self.subscription_name}» arrive here."
        lines = [f"{alert.line}\n{alert.url}".rstrip() for alert in self.alerts[:LISTED]]
        if len(self.alerts) > LISTED:
            lines.append(f"… and {len(self.alerts) - LISTED} more.")
        return "\n".join(lines)

    @property
    def url(self) -> str:
        """Return where a click leads; empty if there is no such page."""
        return self.alerts[0].url if self.alerts else ""

    def as_json(self) -> dict[str, Any]:
        """Return the message of the format `vigil`."""
        return {
            "id": str(self.id),
            "kind": str(self.kind),
            "created_at": self.created_at.isoformat().replace("+00:00", "Z"),
            "subscription": {"id": self.subscription_id, "name": self.subscription_name},
            "title": self.title,
            "text": self.text,
            "alerts": [alert.as_json() for alert in self.alerts],
        }
