"""Decide which alerts match a subscription."""

from dataclasses import dataclass
from datetime import datetime

from vigil_contracts.rules import Schedule
from vigil_contracts.schedule import is_armed


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """The properties of an alert that a subscription can filter."""

    alert_type: str
    confidence: float
    camera_id: int
    site_id: int | None


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """A subscription's filters; an empty one matches everything."""

    alert_types: tuple[str, ...] = ()
    cameras: tuple[int, ...] = ()
    sites: tuple[int, ...] = ()
    minimum_confidence: float = 0.0
    schedule: Schedule | None = None

    def matches(self, alert: StoredAlert, *, now: datetime) -> bool:
        """Return whether the alert matches. A deleted camera stays in the filter, so that it never becomes empty."""
        if self.alert_types and alert.alert_type not in self.alert_types:
            return False
        if alert.confidence < self.minimum_confidence:
            return False
        if (self.cameras or self.sites) and not (alert.camera_id in self.cameras or alert.site_id in self.sites):
            return False
        return is_armed(self.schedule, now)
