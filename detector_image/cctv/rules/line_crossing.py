"""Line crossing: an object crosses a line."""

from cctv.rules.base import Hit, Subject
from vigil_contracts.geometry import Point
from vigil_contracts.names import AlertType
from vigil_contracts.rule_matching import counted_crossing
from vigil_contracts.rules import LineCrossingRule

AGAIN_AFTER_SECONDS = 2.0
"""Hysteresis: an object whose box jitters on the line crosses it once."""


class LineCrossingCheck:
    """Applies whenever an object crosses the line in a configured direction."""

    repeats = True

    def __init__(self, rule: LineCrossingRule) -> None:
        self._rule = rule
        self._feet: dict[str, Point] = {}
        self._crossed_seconds: dict[str, float] = {}

    def check(self, subject: Subject) -> Hit | None:
        """Return a hit if the object has crossed the line since the last frame."""
        before = self._feet.get(subject.track, subject.foot)
        self._feet[subject.track] = subject.foot
        sign = counted_crossing(self._rule, before, subject.foot)
        if not sign:
            return None
        last = self._crossed_seconds.get(subject.track, float("-inf"))
        self._crossed_seconds[subject.track] = subject.seconds
        if subject.seconds - last < AGAIN_AFTER_SECONDS:
            return None
        way = "left to right" if sign > 0 else "right to left"
        return Hit(AlertType.LINE_CROSSING, f"{subject.label} crossed the line from {way}")

    def forget(self, tracks: set[str]) -> None:
        """Drop the state of all other tracks."""
        self._feet = {track: foot for track, foot in self._feet.items() if track in tracks}
        self._crossed_seconds = {track: at for track, at in self._crossed_seconds.items() if track in tracks}
