"""Detect changes since the last inference: a cheap check that saves running the model.

Uses the luma plane only, scaled down to one or two hundred rows. The reference is the last analysed frame and not a
learned background: where nothing differs, the model would return the same result, slow changes add up until they
count, and an object that leaves produces no ghost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cctv.common.frame import WHOLE, Image
from cctv.common.polygons import Outline, covered_pixels
from vigil_contracts.geometry import Box

ROWS = 100
FINE_ROWS, FINE_BLOCK_PIXELS = 216, 4
"""Large frames are scaled to more rows, as long as each pixel averages at least a block of this many: a person who is
60 pixels high in a 1080p frame must still cover `SMALLEST_AREA_PIXELS`."""
CHANGED_GREY_LEVELS = 22
SMALLEST_AREA_PIXELS = 12
"""Changed pixels in the small image, about a thousandth of it. Fewer are noise."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The difference from the last analysed frame."""

    places: tuple[Box, ...] = ()
    is_new: bool = False
    """There is no reference: the first frame, or a new frame size."""

    def __bool__(self) -> bool:
        return self.is_new or bool(self.places)


class MotionGate:
    """Changes in one camera's frames. `masks` are polygons in fractions in which changes are ignored."""

    def __init__(self, masks: Sequence[Outline] = ()) -> None:
        self._masks = masks
        self._reference: Image | None = None
        self._newest: Image | None = None
        self._watched: Image | None = None

    def compare(self, luma: Image) -> Motion:
        """Return the difference between this frame's luma (H, W), uint8, and the last analysed frame."""
        self._newest = shrink(luma, _rows(luma.shape[0]))
        if self._reference is None or self._reference.shape != self._newest.shape:
            return Motion(is_new=True)
        changed = cv2.absdiff(self._newest, self._reference)
        _, changed = cv2.threshold(changed, CHANGED_GREY_LEVELS, 255, cv2.THRESH_BINARY)
        if self._watched is not None:
            changed = cv2.bitwise_and(changed, self._watched)
        return Motion(_places(np.asarray(changed, np.uint8)) if cv2.countNonZero(changed) else ())

    def set_reference(self, regions: Sequence[Box] = (WHOLE,)) -> None:
        """Make the frame that was compared last the new reference, within the regions that were analysed."""
        newest, former = self._newest, self._reference
        if newest is None:
            return
        if former is None or former.shape != newest.shape:
            self._watched = _outside(self._masks, newest.shape[:2]) if self._masks else None
        elif WHOLE not in regions:
            self._reference = _replaced(former, newest, regions)
            return
        self._reference = newest


def _rows(frame_rows: int) -> int:
    """Return the number of rows to which a frame is scaled."""
    return max(ROWS, min(FINE_ROWS, frame_rows // FINE_BLOCK_PIXELS))


def _replaced(former: Image, newest: Image, regions: Sequence[Box]) -> Image:
    """Return `former` with the pixels of `newest` within the regions."""
    result, (height, width) = former.copy(), former.shape
    for region in regions:
        rows = slice(math.ceil(region.y_min * height), math.floor(region.y_max * height))
        columns = slice(math.ceil(region.x_min * width), math.floor(region.x_max * width))
        result[rows, columns] = newest[rows, columns]
    return result


def shrink(luma: Image, rows: int = ROWS, *, smooth: bool = True) -> Image:
    """Scale to about `rows` rows by an integer factor: block averages are the fastest in OpenCV.

    Halving has vector instructions, other factors have none: four by two halvings takes a sixth of the time.
    """
    factor = max(1, luma.shape[0] // rows)
    height, width = luma.shape[0] // factor, luma.shape[1] // factor
    small = luma[: height * factor, : width * factor]
    while factor > 1:
        factor = factor // 2 if factor % 2 == 0 else 1
        small = cv2.resize(small, (width * factor, height * factor), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return np.asarray(cv2.blur(small, (3, 3)) if smooth else small, np.uint8)


def spread(values: cv2.typing.MatLike) -> float:
    """Return the standard deviation of one channel."""
    return float(cv2.meanStdDev(values)[1][0, 0])


def _places(changed: Image) -> tuple[Box, ...]:
    grown = cv2.dilate(changed, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    height, width = changed.shape
    places = []
    for contour in contours:
        left, top, wide, high = cv2.boundingRect(contour)
        if cv2.countNonZero(changed[top : top + high, left : left + wide]) >= SMALLEST_AREA_PIXELS:
            places.append(Box(left / width, top / height, (left + wide) / width, (top + high) / height))
    return tuple(places)


def _outside(masks: Sequence[Outline], shape: tuple[int, ...]) -> Image:
    """Return 255 where no mask lies, else 0; (H, W), uint8."""
    return np.where(covered_pixels(masks, *shape[:2]), 0, 255).astype(np.uint8)
