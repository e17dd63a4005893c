"""The grid of motion: boxes, polygons and its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_contracts.geometry import Box, is_inside
from vigil_contracts.motion_grid import (
    COLUMNS,
    ENCODED_LENGTH,
    GRID_BYTES,
    ROWS,
    cells_of_boxes,
    cells_of_polygon,
    decode,
    encode,
)

ALL = (1 << COLUMNS * ROWS) - 1
FRACTIONS = st.floats(0, 1)
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def cells(grid: int) -> set[tuple[int, int]]:
    return {(bit % COLUMNS, bit // COLUMNS) for bit in range(COLUMNS * ROWS) if grid >> bit & 1}


def test_boxes_set_the_cells_that_they_touch() -> None:
    assert cells_of_boxes([]) == 0
    assert cells_of_boxes([Box(0, 0, 1, 1)]) == ALL
    assert cells(cells_of_boxes([Box(0, 0, 1 / COLUMNS, 1 / ROWS)])) == {(0, 0)}
    assert cells(cells_of_boxes([Box(0.5, 0.5, 0.5, 0.5)])) == {(16, 9)}
    two = [Box(0, 0, 0.01, 0.01), Box(0.99, 0.99, 1.2, 1.2)]  # a predicted box may reach beyond the frame
    assert cells(cells_of_boxes(two)) == {(0, 0), (COLUMNS - 1, ROWS - 1)}


def test_polygons_set_the_cells_that_they_cover() -> None:
    assert cells(cells_of_polygon(LEFT_HALF)) == {(x, y) for x in range(16) for y in range(ROWS)} | {
        (16, 0),
        (16, 17),
    }
    line = cells_of_polygon(((0.1, 0.5), (0.9, 0.5), (0.5, 0.5)))
    assert (int(0.1 * COLUMNS), 9) in cells(line), "the corners of a flat polygon count"


@given(st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=3, max_size=8), FRACTIONS)
def test_a_box_within_a_polygon_is_found(points: list[tuple[float, float]], column: float) -> None:
    """Whatever its outline: the middle of a sampled line that is inside belongs to a cell of the polygon."""
    grid = cells_of_polygon(points)
    for line in range(ROWS * 4):
        x, y = column, (line + 0.5) / (ROWS * 4)
        if is_inside((x, y), points):
            assert grid & cells_of_boxes([Box(x, y, x, y)])


@given(st.integers(0, ALL))
def test_text_gives_the_same_grid(grid: int) -> None:
    text = encode(grid)
    assert decode(text) == grid
    assert len(text) in {0, ENCODED_LENGTH}
    assert "." not in text
    assert "/" not in text


@pytest.mark.parametrize("text", ["A", "!" * ENCODED_LENGTH, "A" * (ENCODED_LENGTH - 4), "ä"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no grid of motion|ASCII"):
        decode(text)


def test_a_grid_is_small() -> None:
    assert GRID_BYTES == 72
