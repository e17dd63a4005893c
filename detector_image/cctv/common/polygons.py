"""Which pixels of an image lie in polygons."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Outline = Sequence[tuple[float, float]]
"""The corners of a polygon, in fractions of width and height."""


def covered_pixels(outlines: Sequence[Outline], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Return where an image of (height, width) pixels is covered, with all pixels that an outline touches.

    A polygon covers what it winds around (the non-zero winding rule), as the dashboard shades it. `cv2.fillPoly`
    alone omits areas that an outline encloses twice, such as the middle of a pentagram; it adds the outline's pixels.
    """
    covered = np.zeros((height, width), np.uint8)
    for outline in outlines:
        corners = np.array(outline, np.float64) * (width, height)
        cv2.fillPoly(covered, [np.round(corners).astype(np.int32)], [1])
        covered |= _winding(corners, height, width) != 0
    return covered.astype(np.bool_)


def _winding(corners: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.int32]:
    """Return how often the outline (N, 2), in pixels, winds around the centre of each pixel.

    Each edge changes the number by one for the pixels to the right of where it crosses their row.
    """
    steps = np.zeros((height, width + 1), np.int32)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        top, bottom = min(y1, y2), max(y1, y2)
        rows = np.arange(max(0, int(np.ceil(top - 0.5))), min(height, int(np.ceil(bottom - 0.5))))
        if rows.size:
            crossings = x1 + (rows + 0.5 - y1) * (x2 - x1) / (y2 - y1)
            columns = np.clip(np.ceil(crossings - 0.5).astype(np.int64), 0, width)
            steps[rows, columns] += 1 if y2 > y1 else -1
    return np.cumsum(steps, axis=1, dtype=np.int32)[:, :width]
