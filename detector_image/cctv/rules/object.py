"""Object: an object appears, in a zone or anywhere."""

from cctv.rules.base import Hit, Subject
from vigil_contracts.geometry import is_inside
from vigil_contracts.rules import ObjectRule, Polygon


class ObjectCheck:
    """Applies once per object; the alert type is the object's."""

    repeats = False

    def __init__(self, rule: ObjectRule, polygon: Polygon | None) -> None:
        self._zone, self._polygon = rule.zone or "", polygon

    def check(self, subject: Subject) -> Hit | None:
        """Return a hit if the object is in the rule's area."""
        if self._polygon is not None and not is_inside(subject.foot, self._polygon):
            return None
        where = f" in {self._zone}" if self._zone else ""
        return Hit(subject.kind, f"{subject.label} seen{where} ({subject.confidence:.0%})", self._zone)

    def forget(self, tracks: set[str]) -> None:
        """Do nothing: there is no state."""
