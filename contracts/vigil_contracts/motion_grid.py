"""Where in the frame something moved during a segment: a coarse grid of bits, stored with each segment.

A grid is an integer: bit `row * COLUMNS + column` is set if something moved in that cell. Points and boxes are
fractions of the frame; the origin is its upper left corner. Pure.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from vigil_contracts.geometry import Box, Point

COLUMNS, ROWS = 32, 18
"""Square cells in a frame of 16:9. In 1080p, each is 60 pixels wide."""
GRID_BYTES = COLUMNS * ROWS // 8
ENCODED_LENGTH = GRID_BYTES * 4 // 3
_LINES_PER_ROW = 4
"""A polygon is sampled along so many lines in each row of cells, and at its corners."""


def cells_of_boxes(boxes: Iterable[Box]) -> int:
    """Return the cells that the boxes touch."""
    cells = 0
    for box in boxes:
        line = _columns(box.x_min, box.x_max)
        first, last = _cell(box.y_min, ROWS), _last(box.y_min, box.y_max, ROWS)
        for row in range(first, last + 1):
            cells |= line << row * COLUMNS
    return cells


def cells_of_polygon(points: Sequence[Point]) -> int:
    """Return the cells that the polygon touches: those with a non-zero winding number, as for zones and masks."""
    cells = 0
    for x, y in points:
        cells |= 1 << _cell(y, ROWS) * COLUMNS + _cell(x, COLUMNS)
    for line in range(ROWS * _LINES_PER_ROW):
        y = (line + 0.5) / (ROWS * _LINES_PER_ROW)
        for begin, end in _inside(points, y):
            cells |= _columns(begin, end) << line // _LINES_PER_ROW * COLUMNS
    return cells


def encode(cells: int) -> str:
    """Return the grid as text for JSON and file names (base64url); empty if nothing moved."""
    return base64.urlsafe_b64encode(cells.to_bytes(GRID_BYTES, "big")).decode("ascii") if cells else ""


def decode(text: str) -> int:
    """Return the grid of such a text. Raises ValueError if it is none."""
    if not text:
        return 0
    try:
        packed = base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("is no grid of motion: not base64url") from error
    if len(packed) != GRID_BYTES:
        raise ValueError(f"is no grid of motion: it must have {GRID_BYTES} bytes")
    return int.from_bytes(packed, "big")


def _inside(points: Sequence[Point], y: float) -> list[tuple[float, float]]:
    """Return the parts of a horizontal line that are inside the polygon."""
    crossings = sorted(
        (x1 + (y - y1) * (x2 - x1) / (y2 - y1), 1 if y2 > y1 else -1)
        for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True)
        if (y1 <= y) != (y2 <= y)
    )
    found, winding = [], 0
    for (begin, direction), (end, _) in pairwise(crossings):
        winding += direction
        if winding:
            found.append((begin, end))
    return found


def _columns(begin: float, end: float) -> int:
    """Return one row's bits of the columns from `begin` to `end`."""
    first, last = _cell(begin, COLUMNS), _last(begin, end, COLUMNS)
    return ((1 << last - first + 1) - 1) << first


def _cell(fraction: float, cells: int) -> int:
    return min(cells - 1, max(0, math.floor(fraction * cells)))


def _last(begin: float, end: float, cells: int) -> int:
    """Return the last cell of the range; an end on the border of a cell does not touch that cell."""
    return max(_cell(begin, cells), min(cells - 1, math.ceil(end * cells) - 1))
