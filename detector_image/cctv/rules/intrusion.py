"""Intrusion: an object is in a restricted zone."""

from cctv.rules.base import Hit, Subject
from vigil_contracts.geometry import is_inside
from vigil_contracts.names import AlertType
from vigil_contracts.rules import IntrusionRule, Polygon


class IntrusionCheck:
    """Applies once per object, however it entered the zone."""

    repeats = False

    def __init__(self, rule: IntrusionRule, polygon: Polygon) -> None:
        self._zone, self._polygon = rule.zone, polygon

    def check(self, subject: Subject) -> Hit | None:
        """Return a hit if the object stands in the zone."""
        if not is_inside(subject.foot, self._polygon):
            return None
        return Hit(AlertType.INTRUSION, f"{subject.label} entered {self._zone}", self._zone)

    def forget(self, tracks: set[str]) -> None:
        """Do nothing: there is no state."""
