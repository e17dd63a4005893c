"""Which alerts a subscription is about."""

from dataclasses import dataclass
from datetime import datetime

from vigil_contracts.rules import Schedule
from vigil_contracts.schedule import is_armed


@dataclass(frozen=True, slots=True)
class Happened:
    """What a subscription can ask of an alert."""

    alert_type: str
    confidence: float
    camera_id: int
    site_id: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription's filters; an empty one lets everything pass."""

    alert_types: tuple[str, ...] = ()
    cameras: tuple[int, ...] = ()
    sites: tuple[int, ...] = ()
    minimum_confidence: float = 0.0
    schedule: Schedule | None = None

    def wants(self, alert: Happened, *, now: datetime) -> bool:
        """Whether the alert passes. A camera that was named and is gone is still named, so that never all come."""
        if self.alert_types and alert.alert_type not in self.alert_types:
            return False
        if alert.confidence < self.minimum_confidence:
            return False
        if (self.cameras or self.sites) and not (alert.camera_id in self.cameras or alert.site_id in self.sites):
            return False
        return is_armed(self.schedule, now)
