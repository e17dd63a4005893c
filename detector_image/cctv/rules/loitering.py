"""Loitering: an object stays in a zone for a configured time."""

from cctv.rules.base import Hit, Subject
from vigil_contracts.geometry import is_inside
from vigil_contracts.names import AlertType
from vigil_contracts.rules import LoiteringRule, Polygon

STEPS_OUT_SECONDS = 2.0
"""Shorter absences from the zone are ignored: boxes jitter at the zone's edge."""


class LoiteringCheck:
    """Applies once per object, after the configured time in the zone."""

    repeats = False

    def __init__(self, rule: LoiteringRule, polygon: Polygon) -> None:
        self._rule, self._polygon = rule, polygon
        self._stays: dict[str, tuple[float, float]] = {}
        """By track: when it entered the zone and when it was last in it, in seconds."""

    def check(self, subject: Subject) -> Hit | None:
        """Return a hit if the object has been in the zone for the configured time."""
        since, last = self._stays.get(subject.track, (subject.seconds, subject.seconds))
        if not is_inside(subject.foot, self._polygon):
            if subject.seconds - last > STEPS_OUT_SECONDS:
                self._stays.pop(subject.track, None)
            return None
        self._stays[subject.track] = (since, subject.seconds)
        stayed = subject.seconds - since
        if stayed < self._rule.seconds:
            return None
        text = f"{subject.label} in {self._rule.zone} for {stayed:.0f} s"
        return Hit(AlertType.LOITERING, text, self._rule.zone, zone_seconds=round(stayed, 1))

    def forget(self, tracks: set[str]) -> None:
        """Drop the state of all other tracks."""
        self._stays = {track: stay for track, stay in self._stays.items() if track in tracks}
