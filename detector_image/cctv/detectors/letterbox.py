"""Fit a frame into a network's input without changing its aspect ratio, and convert boxes back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PADDING_GREY = 114
"""The grey that surrounds images in the training of YOLO models."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The position of a frame in the network's input: `width` × `height` pixels at the top left corner.

    The padding is only at the right and bottom; its side makes no difference to a convolutional detector.
    """

    width: int
    height: int

    @classmethod
    def fit(cls, picture: tuple[int, int], available: tuple[int, int]) -> "Letterbox":
        """Return the largest letterbox for a frame in an input; both sizes are (width, height) in pixels."""
        scale = min(available[0] / picture[0], available[1] / picture[1])
        return cls(
            min(available[0], max(1, round(picture[0] * scale))), min(available[1], max(1, round(picture[1] * scale)))
        )

    def to_fractions(self, boxes: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Convert (N, 4) x_min, y_min, x_max, y_max from input pixels to fractions of the frame, clipped to it."""
        size = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.asarray(np.clip(boxes / size, 0.0, 1.0), np.float32)


def smallest_input(picture: tuple[int, int], largest: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return the smallest (width, height) in whole strides that does not shrink the frame more than `largest`.

    A 16:9 frame needs only 640×384 of a 640×640 network: two fifths less work for the same pixels.
    """
    box = Letterbox.fit(picture, largest)
    return (
        min(largest[0], -(-box.width // stride) * stride),
        min(largest[1], -(-box.height // stride) * stride),
    )
