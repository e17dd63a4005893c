"""The picture that goes with an event: which of an object's pictures is the best, and the object boxed in it."""

from dataclasses import dataclass

import cv2

from cctv.common.frame import Frame
from cctv.vision.observations import Observation
from vigil_contracts.geometry import Box

EDGE = 0.005
"""An object whose box comes this near to the picture's border, in fractions, may be cut off by it."""
CLEARLY_BETTER = 1.3
"""A picture replaces a newer one only when it is this much better: the newest tells what is happening now."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An object in one frame, and how good a picture of it that is."""

    frame: Frame
    observation: Observation
    quality: float

    @classmethod
    def of(cls, frame: Frame, observation: Observation) -> "Picture":
        """Judges a picture: largest × sharpest × most confident; less where the border cuts the object off."""
        box = observation.box
        sides_cut = sum((box.x_min < EDGE, box.y_min < EDGE, box.x_max > 1 - EDGE, box.y_max > 1 - EDGE))
        quality = box.area * observation.confidence * sharpness(frame, box) * 0.8**sides_cut
        return cls(frame, observation, quality)

    def better_of(self, newer: "Picture") -> "Picture":
        """This picture, if it is clearly better than the newer one."""
        return self if self.quality > CLEARLY_BETTER * newer.quality else newer


def sharpness(frame: Frame, box: Box) -> float:
    """Edge energy of the luma within `box`, 0.0 (flat) to 1.0: the Laplacian's spread against the brightness's."""
    whole = frame.luma()
    height, width = whole.shape
    left, top, right, bottom = _pixels(width, height, box)
    luma = whole[top:bottom, left:right]
    if luma.shape[0] < 8 or luma.shape[1] < 8:
        return 0.01
    edges = float(cv2.Laplacian(luma, cv2.CV_16S).std())
    return edges / (edges + float(luma.std()) + 1.0)


def pixels(frame: Frame, box: Box) -> tuple[int, int, int, int]:
    """Return `box` in whole pixels of `frame`: left, top, right, bottom."""
    return _pixels(frame.width, frame.height, box)


def _pixels(width: int, height: int, box: Box) -> tuple[int, int, int, int]:
    return round(box.x_min * width), round(box.y_min * height), round(box.x_max * width), round(box.y_max * height)
