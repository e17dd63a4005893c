"""Select the image of an event: the best of an object's frames, with the object boxed."""

from dataclasses import dataclass

import cv2

from cctv.common.frame import Frame
from cctv.vision.motion import spread
from cctv.vision.observations import Observation
from vigil_contracts.geometry import Box

EDGE = 0.005
"""An object whose box is this close to the frame's edge, in fractions, may be cut off."""
CLEARLY_BETTER = 1.3
"""A frame replaces a newer one only if it is better by this factor: the newest shows what is happening now."""


@dataclass(frozen=True, slots=True)
class ObjectImage:
    """An object in one frame, with a score for the image quality."""

    frame: Frame
    observation: Observation
    quality: float

    @classmethod
    def of(cls, frame: Frame, observation: Observation) -> "ObjectImage":
        """Score the frame: largest × sharpest × most confident; lower if the edge cuts the object off."""
        box = observation.box
        sides_cut = sum((box.x_min < EDGE, box.y_min < EDGE, box.x_max > 1 - EDGE, box.y_max > 1 - EDGE))
        quality = box.area * observation.confidence * sharpness(frame, box) * 0.8**sides_cut
        return cls(frame, observation, quality)

    def better_of(self, newer: "ObjectImage") -> "ObjectImage":
        """Return this image if it is clearly better than the newer one, else the newer one."""
        return self if self.quality > CLEARLY_BETTER * newer.quality else newer


def sharpness(frame: Frame, box: Box) -> float:
    """Return the edge energy within `box`, 0.0 (flat) to 1.0: the Laplacian's spread relative to the luma's."""
    whole = frame.luma()
    height, width = whole.shape
    left, top, right, bottom = _pixels(width, height, box)
    luma = whole[top:bottom, left:right]
    if luma.shape[0] < 8 or luma.shape[1] < 8:
        return 0.01
    edges = spread(cv2.Laplacian(luma, cv2.CV_16S))
    return edges / (edges + spread(luma) + 1.0)


def pixels(frame: Frame, box: Box) -> tuple[int, int, int, int]:
    """Return `box` in whole pixels of `frame`: left, top, right, bottom."""
    return _pixels(frame.width, frame.height, box)


def _pixels(width: int, height: int, box: Box) -> tuple[int, int, int, int]:
    return round(box.x_min * width), round(box.y_min * height), round(box.x_max * width), round(box.y_max * height)
