"""Frigate's coordinates: `x,y,x,y,…` as fractions of the frame, or in pixels of the detect stream."""

from collections.abc import Mapping
from typing import Any

MAX_POINTS = 64
Size = tuple[int, int]
NEEDS_SIZE = "is in pixels: set detect.width and detect.height in Frigate's file, to which they refer"


class PolygonError(ValueError):
    """The coordinates cannot be converted; the message says how to correct them."""


def polygons_of(value: Any, size: Size | None) -> list[list[list[float]]]:
    """Return the polygons of a mask: one text, a list of texts, or (Frigate 0.17) a mapping of named masks."""
    if isinstance(value, Mapping):
        masks = [one if isinstance(one, Mapping) else {"coordinates": one} for one in value.values()]
        shapes = [one.get("coordinates") for one in masks if one.get("enabled") is not False]
    else:
        shapes = value if isinstance(value, list) else [value]
    return [polygon_of(shape, size) for shape in shapes if shape not in ("", None, [])]


def polygon_of(value: Any, size: Size | None) -> list[list[float]]:
    """Return the points of one polygon as fractions of the frame. Raises PolygonError.

    `value`: one text, or a list of texts `x,y`. `size`: width and height in pixels, if known.
    """
    text = ",".join(str(part) for part in value) if isinstance(value, list) else str(value)
    try:
        numbers = [float(number) for number in text.split(",") if number.strip()]
    except ValueError:
        raise PolygonError("must be numbers, as in 0.1,0.2,0.5,0.2,0.5,0.9") from None
    if len(numbers) % 2 or len(numbers) < 6:
        raise PolygonError("must have an x and a y for each of at least three corners")
    if len(numbers) > 2 * MAX_POINTS:
        raise PolygonError(f"has {len(numbers) // 2} corners; Vigil's polygons have at most {MAX_POINTS}")
    if any(number < 0 for number in numbers):
        raise PolygonError("must have no negative coordinates")
    width, height = (1, 1) if max(numbers) <= 1 else _known(size)
    # Frigate's editor ends at the last pixel, or one beyond it.
    return [
        [min(1.0, round(x / width, 5)), min(1.0, round(y / height, 5))]
        for x, y in zip(numbers[::2], numbers[1::2], strict=True)
    ]


def _known(size: Size | None) -> Size:
    if size is None:
        raise PolygonError(NEEDS_SIZE)
    return size
