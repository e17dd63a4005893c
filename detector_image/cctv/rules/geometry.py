"""Points, polygons and lines in fractions of the picture."""

import cv2
import numpy as np

from cctv.rules.base import Point


def is_inside(point: Point, polygon: tuple[Point, ...]) -> bool:
    """Whether a point is in a polygon or on its outline."""
    return cv2.pointPolygonTest(np.array(polygon, np.float32), point, measureDist=False) >= 0


def side(point: Point, line: tuple[Point, Point]) -> float:
    """Negative on the left of who looks along the line, positive on the right, 0 on it (cross product; y is down)."""
    (x1, y1), (x2, y2) = line
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)


def crossing(before: Point, after: Point, line: tuple[Point, Point]) -> int:
    """1 where the way from `before` to `after` crosses `line` from left to right, -1 from right to left, else 0.

    The way is taken as a straight segment, so that an object that is on one side in one picture and far on the other
    in the next has crossed. A point on the line belongs to its right side.
    """
    was_left, is_left = side(before, line) < 0, side(after, line) < 0
    if was_left == is_left:
        return 0
    way = (before, after)
    if (side(line[0], way) < 0) == (side(line[1], way) < 0):
        return 0
    return 1 if was_left else -1
