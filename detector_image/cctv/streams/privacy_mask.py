"""Black out the areas of decoded frames that no viewer may see (`Detection.privacy_masks`).

Frames are masked where the decoder delivers them, so nothing behind it (analysis, images, live view, recordings) ever
has the pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np
import numpy.typing as npt

from cctv.common.frame import Image, plane_bytes
from cctv.common.polygons import Outline, covered_pixels

_MARGIN_PIXELS = 2
"""Masks are larger by this on all sides: decoders and encoders smear a pixel over its neighbours."""
_KNOWN_FORMAT = "yuv420p"
_BLACK, _NEUTRAL = 16, 128
"""Luma and chroma of black, for 8 bits (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class _Fill:
    """What is written to a plane: `columns` counts samples, `value` is repeated for interleaved colours."""

    plane: int
    rows: slice
    columns: slice
    covered: npt.NDArray[np.bool_]
    value: int
    is_wide: bool
    """Whether a sample takes two bytes."""


class PrivacyMask:
    """The masked areas of one camera. Not thread-safe: each stream has its own."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        self._outlines = outlines
        self._fills: tuple[_Fill, ...] = ()
        self._filled: tuple[int, int, str] | None = None

    def apply(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the frame with its masked areas black: the same frame, unless its pixel format is converted.

        The decoder's own copy, from which it predicts the next frames, is not changed.
        """
        layout = picture.width, picture.height, picture.format.name
        if layout != self._filled:
            self._fills, self._filled = self._fills_of(picture), layout
        if not self._fills:
            return self.apply(picture.reformat(format=_KNOWN_FORMAT))
        picture.make_writable()
        for fill in self._fills:
            samples = plane_bytes(picture, fill.plane)
            whole = samples.view(np.uint16) if fill.is_wide else samples
            np.copyto(whole[fill.rows, fill.columns], np.array(fill.value, whole.dtype), where=fill.covered)
        return picture

    def _fills_of(self, picture: av.VideoFrame) -> tuple[_Fill, ...]:
        """Return how to mask frames of this layout; empty for a pixel format that must be converted first."""
        pixels = picture.format
        components = pixels.components
        is_known = not (pixels.is_rgb or pixels.has_palette or pixels.is_bit_stream or pixels.is_big_endian)
        if not is_known or any(each.is_alpha for each in components):
            return ()
        if sum(each.plane == 0 for each in components) != 1:
            return ()  # luma and colour share a plane
        covered = self._covered(picture.height, picture.width)
        fills = []
        for number in range(len(picture.planes)):
            here = [each for each in components if each.plane == number]
            part = _reduced(covered, here[0].height, here[0].width)
            part = np.repeat(part, len(here), axis=1)
            rows, columns = _span(np.any(part, axis=1)), _span(np.any(part, axis=0))
            bits = here[0].bits
            value = (_NEUTRAL if number else _BLACK) << (bits - 8)
            if pixels.name.startswith("p0"):  # P010 and its like use the upper bits of 16
                value <<= 16 - bits
            fills.append(_Fill(number, rows, columns, part[rows, columns], value, bits > 8))
        return tuple(fills)

    def _covered(self, height: int, width: int) -> Image:
        exact = covered_pixels(self._outlines, height, width).astype(np.uint8)
        side = 2 * _MARGIN_PIXELS + 1
        return np.asarray(cv2.dilate(exact, np.ones((side, side), np.uint8)), np.uint8)


def _reduced(covered: Image, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Return which samples of a plane of this size belong to a covered pixel."""
    tall, wide = -(-covered.shape[0] // height), -(-covered.shape[1] // width)
    padded = np.zeros((height * tall, width * wide), np.bool_)
    padded[: covered.shape[0], : covered.shape[1]] = covered
    return np.asarray(np.any(padded.reshape(height, tall, width, wide), axis=(1, 3)))


def _span(used: npt.ArrayLike) -> slice:
    """Return the range that holds all that is used."""
    where = np.flatnonzero(np.asarray(used))
    return slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(0, 0)
