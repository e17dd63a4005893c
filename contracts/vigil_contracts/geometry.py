"""Points, polygons and lines in fractions of the frame's width and height. The origin is the top left corner.

The detector's rules and the backend's rule preview decide with these functions, so that they agree with each other
and with what the dashboard shades: SVG fills polygons by the non-zero rule, too.
"""

from collections.abc import Sequence

Point = tuple[float, float]


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
