"""Draw short texts on frames with glyphs from a small image, `caption_glyphs.png`.

OpenCV unpacks all its fonts, also those of other scripts, at the first text that it draws or measures. This takes
10 MB of memory and 30 ms of CPU time for as little as «person 87%». So OpenCV has drawn the printable characters of
ASCII once (`tools/caption_glyphs.py`). It still draws each text with other characters.

The image is grey. Its first row is 255 where the column of a glyph begins; the glyphs are below it, in the order of
ASCII. A column is as wide as the glyph's advance at `SCALE`.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from cctv.common.frame import Image

FILE = Path(__file__).with_suffix(".png")
SCALE = 1.76
"""OpenCV's font scale of the image: larger than on any usual frame, since glyphs become smaller without loss."""
ASCENT, DESCENT = 48, 12
"""Height of the glyphs above and below the baseline, in pixels at `SCALE`."""
CHARACTERS = "".join(map(chr, range(ord(" "), ord("~") + 1)))


def text_mask(text: str, scale: float) -> Image:
    """Return a text as coverage, (H, W), uint8, 255 where its colour is to be seen.

    `scale`: as in `cv2.putText`, of the font Hershey Simplex. The last `round(DESCENT / SCALE * scale)` rows are
    below the baseline.
    """
    above, below = round(ASCENT / SCALE * scale), round(DESCENT / SCALE * scale)
    if set(text) <= set(CHARACTERS):
        glyphs = _glyphs()
        drawn = np.hstack([glyphs[character] for character in text or " "])
        return np.asarray(
            cv2.resize(
                drawn, (max(1, round(drawn.shape[1] / SCALE * scale)), above + below), interpolation=cv2.INTER_AREA
            )
        )
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
    mask = np.zeros((above + below, width), np.uint8)
    cv2.putText(mask, text, (0, above), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    return mask


@cache
def _glyphs() -> dict[str, Image]:
    sheet = cv2.imread(str(FILE), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        raise FileNotFoundError(FILE)
    begins = np.flatnonzero(sheet[0])
    return dict(zip(CHARACTERS, np.split(sheet[1:], begins[1:], axis=1), strict=True))
