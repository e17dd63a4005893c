"""What has changed since the model last looked: the cheapest question to ask of a picture, so that the model need
not be asked.

Works on the luma plane alone, scaled down to about a hundred rows. The reference is the picture that the model saw
last, and not a learned background: where nothing differs from it the model would say the same again, slow changes add
up until they count, and nothing that has left keeps a ghost behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cctv.common.frame import Image
from vigil_contracts.geometry import Box

ROWS = 100
CHANGED_GREY_LEVELS = 22
SMALLEST_AREA_PIXELS = 12
"""In the small picture; about a thousandth of it. Less is noise."""

FloatGrid = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """What differs from the last look."""

    places: tuple[Box, ...] = ()
    is_new: bool = False
    """There is nothing to compare with: the first picture, or another picture size."""

    def __bool__(self) -> bool:
        return self.is_new or bool(self.places)


class MotionGate:
    """The changes in one camera's pictures. `masks` are polygons in fractions within which nothing counts."""

    def __init__(self, masks: Sequence[Sequence[tuple[float, float]]] = ()) -> None:
        self._masks = masks
        self._reference: Image | None = None
        self._newest: Image | None = None
        self._watched: Image | None = None

    def compare(self, luma: Image) -> Motion:
        """What differs between this picture, luma (H, W), uint8, and the one that the model saw last."""
        self._newest = shrink(luma)
        if self._reference is None or self._reference.shape != self._newest.shape:
            return Motion(is_new=True)
        changed = cv2.absdiff(self._newest, self._reference)
        _, changed = cv2.threshold(changed, CHANGED_GREY_LEVELS, 255, cv2.THRESH_BINARY)
        if self._watched is not None:
            changed = cv2.bitwise_and(changed, self._watched)
        return Motion(_places(np.asarray(changed, np.uint8)) if cv2.countNonZero(changed) else ())

    def looked(self) -> None:
        """The model looks at the picture that was compared last: the next are compared with it."""
        if self._newest is None:
            return
        if self._reference is None or self._reference.shape != self._newest.shape:
            self._watched = _outside(self._masks, self._newest.shape[:2]) if self._masks else None
        self._reference = self._newest


def shrink(luma: Image, rows: int = ROWS, *, smooth: bool = True) -> Image:
    """About that many rows, by a whole factor: averaging whole blocks is what OpenCV does fastest."""
    factor = max(1, luma.shape[0] // rows)
    height, width = luma.shape[0] // factor, luma.shape[1] // factor
    whole = luma[: height * factor, : width * factor]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (3, 3)) if smooth else small, np.uint8)


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


def _outside(masks: Sequence[Sequence[tuple[float, float]]], shape: tuple[int, ...]) -> Image:
    """Return 255 where no mask lies, else 0; (H, W), uint8.

    A mask covers what its outline winds around, as the dashboard shades it. `fillPoly` alone leaves out what it
    covers twice: where two masks overlap, and the middle of one whose outline crosses itself.
    """
    height, width = shape
    watched = np.full((height, width), 255, np.uint8)
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    for mask in masks:
        corners = np.array(mask, np.float64) * (width, height)
        cv2.fillPoly(watched, [np.round(corners).astype(np.int32)], [0])
        watched[_winding(columns, rows, corners) != 0] = 0
    return watched


def _winding(x: FloatGrid, y: FloatGrid, corners: FloatGrid) -> npt.NDArray[np.int32]:
    """Return how often the outline (N, 2) winds around each point; see `vigil_contracts.geometry.is_inside`."""
    winding = np.zeros(x.shape, np.int32)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        turn = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        winding += (y1 <= y) & (y2 > y) & (turn > 0)
        winding -= (y1 > y) & (y2 <= y) & (turn < 0)
    return winding
