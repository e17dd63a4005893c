"""Draw the glyphs of captions with OpenCV's font into the image that the detector uses.

python -m tools.caption_glyphs      # detector_image/cctv/common/caption_glyphs.png
"""

import cv2
import numpy as np

from cctv.common.caption_glyphs import ASCENT, CHARACTERS, DESCENT, FILE, SCALE
from cctv.common.frame import Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_MARGIN = 8


def glyph_sheet() -> Image:
    """Return the image of all glyphs, (1 + height, width), uint8; see `cctv.common.caption_glyphs`."""
    columns = []
    for character in CHARACTERS:
        canvas = np.zeros((1 + ASCENT + DESCENT, _advance(character) + 2 * _MARGIN), np.uint8)
        cv2.putText(canvas, character, (_MARGIN, 1 + ASCENT), _FONT, SCALE, 255, 1, cv2.LINE_AA)
        # The letter j reaches over the character before it; here it moves to the right.
        begin = min(_MARGIN, int(np.flatnonzero(canvas.any(axis=0)).min(initial=_MARGIN)))
        column = canvas[:, begin : begin + _advance(character)]
        column[0] = 0
        column[0, 0] = 255
        columns.append(column)
    return np.hstack(columns)


def _advance(character: str) -> int:
    """Return how much further the next character begins, in pixels."""
    widths = [cv2.getTextSize(character * count, _FONT, SCALE, 1)[0][0] for count in (1, 11)]
    return round((widths[1] - widths[0]) / 10)


if __name__ == "__main__":
    cv2.imwrite(str(FILE), glyph_sheet(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
