"""Points, boxes, polygons and lines in fractions of the frame's width and height. The origin is the top left corner.

The detector's rules and the backend's rule preview use these functions, so that they agree with each other and with
what the dashboard shades: SVG also fills polygons by the non-zero rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]


class Box(NamedTuple):
    """An upright rectangle. A predicted box may reach beyond the frame."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @property
    def width(self) -> float:
        """Return the width, in fractions of the frame's."""
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        """Return the height, in fractions of the frame's."""
        return self.y_max - self.y_min

    @property
    def area(self) -> float:
        """Return the share of the frame that the box covers."""
        return self.width * self.height

    @property
    def centre(self) -> Point:
        """Return the middle of the box."""
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2

    @property
    def foot(self) -> Point:
        """Return the middle of the lower edge: where the object stands. Zones and lines are compared with it."""
        return (self.x_min + self.x_max) / 2, self.y_max

    def shifted(self, right: float, down: float) -> "Box":
        """Return the box, moved."""
        return Box(self.x_min + right, self.y_min + down, self.x_max + right, self.y_max + down)

    def intersection(self, other: "Box") -> float:
        """Return the area that both boxes cover."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: "Box") -> float:
        """Return the intersection over union, 0.0 to 1.0; 0.0 for two boxes without area."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


def is_inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Return whether a point is in a polygon or on its outline, by the non-zero winding rule.

    Where an outline crosses itself, everything that it winds around is inside, such as the middle of a pentagram. The
    winding number is counted as in Sunday, «Inclusion of a Point in a Polygon» (2001).
    """
    winding = 0
    for start, end in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        turn = side(point, (start, end))
        if turn == 0 and _is_between(point, start, end):
            return True
        if (start[1] <= point[1]) != (end[1] <= point[1]):
            is_downward = start[1] <= point[1]
            if is_downward == (turn > 0):
                winding += 1 if is_downward else -1
    return winding != 0


def side(point: Point, line: tuple[Point, Point]) -> float:
    """Return a negative number left of the line, seen along it, a positive one right of it, and 0 on it.

    It is the cross product; y points down.
    """
    (x1, y1), (x2, y2) = line
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)


def crossing(before: Point, after: Point, line: tuple[Point, Point]) -> int:
    """Return 1 if the way from `before` to `after` crosses `line` from left to right, -1 from right to left, else 0.

    The way is a straight segment, so an object that is on one side in one frame and far on the other in the next has
    crossed. A point on the line belongs to its right side.
    """
    was_left, is_left = side(before, line) < 0, side(after, line) < 0
    way = (before, after)
    if was_left == is_left or (side(line[0], way) < 0) == (side(line[1], way) < 0):
        return 0
    return 1 if was_left else -1


def _is_between(point: Point, start: Point, end: Point) -> bool:
    """Return whether a point on the line through `start` and `end` is on the segment between them."""
    return all(
        min(one, other) <= value <= max(one, other) for value, one, other in zip(point, start, end, strict=True)
    )
