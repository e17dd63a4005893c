"""The overlay of an alert's image: its zone or line as configured now, and the positions of its object."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from surveillance.core.stored_detection import readable_detection
from surveillance.models import Alert
from vigil_contracts.alert import Box
from vigil_contracts.rules import LineCrossingRule

SCALE = 1000
"""Width and height of the drawing, which is scaled to the image."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Corners in SVG syntax, such as `10,20 30,40`; empty if there is nothing to draw."""

    zone: str = ""
    line: str = ""
    way: str = ""

    def __bool__(self) -> bool:
        return bool(self.zone or self.line or self.way)


def shapes_of(alert: Alert, *, seen: Iterable[object]) -> Shapes:
    """Return the shapes of `alert`, with `camera` loaded; `seen` are boxes of its object, the oldest first."""
    detection = readable_detection(alert.camera.detection)
    zone = next((zone.points for zone in detection.zones if zone.name == alert.zone), ())
    rule = next((rule for rule in detection.rules if rule.name == alert.rule), None)
    line = rule.line if isinstance(rule, LineCrossingRule) else ()
    feet = [foot for foot in map(_foot, seen) if foot is not None]
    return Shapes(_corners(zone), _corners(line), _corners(feet) if len(feet) > 1 else "")


def _foot(box: object) -> tuple[float, float] | None:
    try:
        place = Box.model_validate(box)
    except ValidationError:
        return None
    return (place.x_min + place.x_max) / 2, place.y_max


def _corners(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x * SCALE:.0f},{y * SCALE:.0f}" for x, y in points)
