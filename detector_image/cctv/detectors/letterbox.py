"""Fits a picture into a network's input without changing its proportions, and brings boxes back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PADDING_GREY = 114
"""The grey that YOLO models are trained to see around a picture."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in the network's input: at the top left corner, `width` × `height` pixels large.

    The padding lies to the right and below only; a convolutional detector does not care on which side it is.
    """

    width: int
    height: int

    @classmethod
    def fit(cls, picture: tuple[int, int], available: tuple[int, int]) -> "Letterbox":
        """The largest letterbox for a picture of (width, height) pixels in an input of (width, height) pixels."""
        scale = min(available[0] / picture[0], available[1] / picture[1])
        return cls(
            min(available[0], max(1, round(picture[0] * scale))), min(available[1], max(1, round(picture[1] * scale)))
        )

    def to_fractions(self, boxes: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Boxes (N, 4), x_min, y_min, x_max, y_max in input pixels, as fractions of the picture, cut to it."""
        size = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.asarray(np.clip(boxes / size, 0.0, 1.0), np.float32)


def smallest_input(picture: tuple[int, int], largest: tuple[int, int], stride: int) -> tuple[int, int]:
    """The smallest (width, height) in whole strides that holds the picture as large as `largest` would.

    A 16:9 picture needs 640×384 of a 640×640 network: two fifths less work for the same pixels.
    """
    box = Letterbox.fit(picture, largest)
    return (
        min(largest[0], -(-box.width // stride) * stride),
        min(largest[1], -(-box.height // stride) * stride),
    )
