"""An object crosses a line."""

from cctv.rules.base import Hit, Point, Subject
from vigil_contracts.geometry import crossing
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Direction, LineCrossingRule

AGAIN_AFTER_SECONDS = 2.0
"""A box that trembles on the line crosses it once."""
_SIGNS = {Direction.LEFT_TO_RIGHT: (1,), Direction.RIGHT_TO_LEFT: (-1,), Direction.EITHER: (1, -1)}


class LineCrossingCheck:
    """Comes true whenever an object goes over the line in a direction that counts."""

    repeats = True

    def __init__(self, rule: LineCrossingRule) -> None:
        self._line, self._signs = rule.line, _SIGNS[rule.direction]
        self._feet: dict[str, Point] = {}
        self._crossed_seconds: dict[str, float] = {}

    def check(self, subject: Subject) -> Hit | None:
        """Whether the object's way since the last picture crosses the line."""
        before = self._feet.get(subject.track, subject.foot)
        self._feet[subject.track] = subject.foot
        sign = crossing(before, subject.foot, self._line)
        if sign not in self._signs:
            return None
        last = self._crossed_seconds.get(subject.track, float("-inf"))
        self._crossed_seconds[subject.track] = subject.seconds
        if subject.seconds - last < AGAIN_AFTER_SECONDS:
            return None
        way = "left to right" if sign > 0 else "right to left"
        return Hit(AlertType.LINE_CROSSING, f"{subject.label} crossed the line from {way}")

    def forget(self, tracks: set[str]) -> None:
        """Keeps only what belongs to these tracks."""
        self._feet = {track: foot for track, foot in self._feet.items() if track in tracks}
        self._crossed_seconds = {track: at for track, at in self._crossed_seconds.items() if track in tracks}
