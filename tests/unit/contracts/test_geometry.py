"""Boxes, zones, lines and rule matching. Zones use the non-zero winding rule, like the dashboard's fill."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vigil_contracts import alert
from vigil_contracts.geometry import Box, Point, crossing, is_inside
from vigil_contracts.names import AlertType
from vigil_contracts.rule_matching import EVERYTHING, concerns, counted_crossing
from vigil_contracts.rules import Direction, LineCrossingRule, ObjectRule

PENTAGRAM: tuple[Point, ...] = tuple(
    (0.5 + 0.4 * math.sin(4 * math.pi * corner / 5), 0.5 - 0.4 * math.cos(4 * math.pi * corner / 5))
    for corner in range(5)
)
SQUARE: tuple[Point, ...] = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


def test_middle_of_a_pentagram_is_inside() -> None:
    """By the even-odd rule it would be outside, although the dashboard fills it."""
    assert is_inside((0.5, 0.5), PENTAGRAM)
    assert is_inside((0.5, 0.5), PENTAGRAM[::-1]), "either direction of drawing"
    assert is_inside((0.5, 0.2), PENTAGRAM), "one of its points"
    assert not is_inside((0.5, 0.9), PENTAGRAM), "between two of its points"


def test_hole_of_opposite_winding_is_outside() -> None:
    ring = (*SQUARE, SQUARE[0], (0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4), (0.4, 0.4))
    assert not is_inside((0.5, 0.5), ring)
    assert is_inside((0.3, 0.3), ring)


def test_outline_counts_as_inside() -> None:
    for point in (*SQUARE, (0.5, 0.2), (0.8, 0.5), (0.5, 0.8), (0.2, 0.5)):
        assert is_inside(point, SQUARE)
    assert not is_inside((0.9, 0.2), SQUARE), "beyond the end of an edge"


points = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.lists(points, min_size=3, max_size=12), points)
@settings(max_examples=200, deadline=None)
def test_agrees_with_the_winding_number(polygon: list[Point], point: Point) -> None:
    """The winding number is the sum of the angles of the edges as seen from the point, in full turns."""
    if any(math.dist(point, corner) < 1e-3 for corner in polygon):
        return
    seen = [math.atan2(y - point[1], x - point[0]) for x, y in polygon]
    turns = [math.remainder(end - start, math.tau) for start, end in zip(seen, [*seen[1:], seen[0]], strict=True)]
    if any(abs(abs(turn) - math.pi) < 1e-3 for turn in turns):
        return  # on or near the outline, where rounding decides
    assert is_inside(point, polygon) is (round(sum(turns) / math.tau) != 0)


def test_box_size_centre_and_foot_point() -> None:
    box = Box(0.25, 0.5, 0.75, 1.0)
    assert (box.width, box.height, box.area) == (0.5, 0.5, 0.25)
    assert (box.centre, box.foot) == ((0.5, 0.75), (0.5, 1.0))
    assert box.shifted(0.25, -0.5) == Box(0.5, 0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (Box(0.0, 0.0, 0.5, 1.0), 1.0),
        (Box(0.25, 0.0, 0.75, 1.0), 1 / 3),
        (Box(0.5, 0.0, 1.0, 1.0), 0.0),
        (Box(0.6, 0.0, 1.0, 1.0), 0.0),
        (Box(0.1, 0.1, 0.1, 0.1), 0.0),
    ],
)
def test_intersection_over_union(other: Box, iou: float) -> None:
    box = Box(0.0, 0.0, 0.5, 1.0)
    assert box.iou(other) == pytest.approx(iou)
    assert other.iou(box) == pytest.approx(iou)


def test_boxes_without_area_do_not_overlap() -> None:
    assert Box(0.1, 0.1, 0.1, 0.1).iou(Box(0.1, 0.1, 0.1, 0.1)) == 0.0


def test_path_around_a_line_does_not_cross_it() -> None:
    line = ((0.5, 0.4), (0.5, 0.6))
    assert crossing((0.4, 0.5), (0.6, 0.5), line) == -1
    assert crossing((0.6, 0.5), (0.4, 0.5), line) == 1
    assert crossing((0.4, 0.1), (0.6, 0.1), line) == 0
    assert crossing((0.4, 0.5), (0.45, 0.5), line) == 0


@pytest.mark.parametrize(
    ("direction", "counts"),
    [(Direction.EITHER, -1), (Direction.RIGHT_TO_LEFT, -1), (Direction.LEFT_TO_RIGHT, 0)],
)
def test_rule_counts_only_its_direction(direction: Direction, counts: int) -> None:
    rule = LineCrossingRule(name="r", type="line_crossing", line=((0.5, 0.4), (0.5, 0.6)), direction=direction)
    assert counted_crossing(rule, (0.4, 0.5), (0.6, 0.5)) == counts


@pytest.mark.parametrize(
    ("bounds", "fits"),
    [
        ({}, True),
        ({"classes": ("CAR",)}, True),
        ({"classes": ("vehicle",)}, True),
        ({"classes": ("person",)}, False),
        ({"minimum_confidence": 0.9}, True),
        ({"minimum_confidence": 0.91}, False),
        ({"minimum_size": 0.1}, True),
        ({"minimum_size": 0.11}, False),
    ],
)
def test_rule_matches_objects(bounds: dict[str, object], fits: bool) -> None:
    rule = ObjectRule.model_validate({**EVERYTHING.model_dump(), **bounds})
    assert concerns(rule, label="car", kind=AlertType.VEHICLE, confidence=0.9, size=0.1) is fits


def test_box_round_trips_as_json() -> None:
    box = Box(0.1, 0.2, 0.3, 0.4)
    assert alert.Box.of(box).corners == box
    with pytest.raises(ValidationError):
        alert.Box.of(box.shifted(0.9, 0.0))
