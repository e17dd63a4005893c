"""Zones mean what the dashboard shades: the non-zero winding rule, outline included."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_contracts.geometry import Point, is_inside

PENTAGRAM: tuple[Point, ...] = tuple(
    (0.5 + 0.4 * math.sin(4 * math.pi * corner / 5), 0.5 - 0.4 * math.cos(4 * math.pi * corner / 5))
    for corner in range(5)
)
SQUARE: tuple[Point, ...] = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


def test_middle_of_a_pentagram_is_inside() -> None:
    """It was outside by the even-odd rule, though the dashboard shaded it."""
    assert is_inside((0.5, 0.5), PENTAGRAM)
    assert is_inside((0.5, 0.5), PENTAGRAM[::-1]), "either direction of drawing"
    assert is_inside((0.5, 0.2), PENTAGRAM), "one of its points"
    assert not is_inside((0.5, 0.9), PENTAGRAM), "between two of its points"


def test_hole_wound_in_the_other_direction_is_outside() -> None:
    ring = (*SQUARE, SQUARE[0], (0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4), (0.4, 0.4))
    assert not is_inside((0.5, 0.5), ring)
    assert is_inside((0.3, 0.3), ring)


def test_outline_is_inside() -> None:
    for point in (*SQUARE, (0.5, 0.2), (0.8, 0.5), (0.5, 0.8), (0.2, 0.5)):
        assert is_inside(point, SQUARE)
    assert not is_inside((0.9, 0.2), SQUARE), "beyond the end of an edge"


points = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.lists(points, min_size=3, max_size=12), points)
@settings(max_examples=200, deadline=None)
def test_agrees_with_the_angle_that_the_outline_turns_through(polygon: list[Point], point: Point) -> None:
    """The winding number is the sum of the angles under which a point sees the edges, in full turns."""
    if any(math.dist(point, corner) < 1e-3 for corner in polygon):
        return
    seen = [math.atan2(y - point[1], x - point[0]) for x, y in polygon]
    turns = [math.remainder(end - start, math.tau) for start, end in zip(seen, [*seen[1:], seen[0]], strict=True)]
    if any(abs(abs(turn) - math.pi) < 1e-3 for turn in turns):
        return  # on or next to the outline, where rounding decides
    assert is_inside(point, polygon) is (round(sum(turns) / math.tau) != 0)
