"""Captions: complete and readable, at every place of the frame, and without OpenCV's fonts in memory."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from tools.caption_glyphs import glyph_sheet

from cctv.common import caption_glyphs
from cctv.common.caption_glyphs import text_mask
from cctv.common.drawing import BOX_COLOUR_BGR, draw_boxes
from vigil_contracts.geometry import Box

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def _drawn_by_opencv(
    text: str, scale: float, shape: tuple[int, ...]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    mask = np.zeros(shape, np.uint8)
    cv2.putText(
        mask,
        text,
        (0, round(caption_glyphs.ASCENT / caption_glyphs.SCALE * scale)),
        _FONT,
        scale,
        255,
        1,
        cv2.LINE_AA,
    )
    return mask


def test_glyphs_are_those_that_the_tool_draws() -> None:
    sheet = cv2.imread(str(caption_glyphs.FILE), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    assert np.array_equal(sheet, glyph_sheet()), "run `python -m tools.caption_glyphs`"


@pytest.mark.parametrize("scale", [0.44, 0.66, 0.88, 1.54])
def test_each_character_is_as_wide_and_dark_as_opencv_draws_it(scale: float) -> None:
    for character in caption_glyphs.CHARACTERS[1:]:
        mask = text_mask(character * 8, scale)
        drawn = _drawn_by_opencv(character * 8, scale, (mask.shape[0], mask.shape[1] + 20))
        assert mask.shape[1] == pytest.approx(np.flatnonzero(drawn.any(axis=0)).max(), rel=0.15, abs=8), character
        assert float(mask.sum()) == pytest.approx(float(drawn.sum()), rel=0.25), character


@pytest.mark.parametrize("text", ["fußgänger 87%", "人 87%", "two\nlines"])
def test_other_characters_are_drawn_by_opencv(text: str) -> None:
    mask = text_mask(text, 0.44)
    assert mask.any()
    assert np.array_equal(mask, _drawn_by_opencv(text, 0.44, mask.shape))


@pytest.mark.parametrize("size", [(432, 768), (20, 30), (4, 4)], ids=["usual", "narrow", "tiny"])
@pytest.mark.parametrize(
    "box", [Box(0.4, 0.4, 0.6, 0.6), Box(0, 0, 0.1, 0.1), Box(0.95, 0.95, 1, 1), Box(0, 0.02, 1, 1)]
)
def test_caption_stays_inside_the_frame(size: tuple[int, int], box: Box) -> None:
    canvas = np.zeros((*size, 3), np.uint8)
    assert draw_boxes(canvas, [box], ["person 87%"]) is canvas
    assert canvas.any()
    if size == (432, 768):
        filled = (canvas == BOX_COLOUR_BGR).all(axis=2).sum()
        assert (canvas == 255).any(), "its words are white"
        assert filled > 1000, "on a background in the colour of the box"


def test_empty_caption_is_drawn() -> None:
    assert text_mask("", 0.44).shape == text_mask(" ", 0.44).shape


def test_usual_captions_load_no_fonts() -> None:
    program = """
import numpy as np
from cctv.common.drawing import draw_boxes
from vigil_contracts.geometry import Box

def kilobytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4

canvas, before = np.zeros((432, 768, 3), np.uint8), kilobytes()
draw_boxes(canvas, [Box(0.1, 0.3, 0.4, 0.5)], ["person 87%"])
usual = kilobytes() - before
draw_boxes(canvas, [Box(0.1, 0.3, 0.4, 0.5)], ["fu\\u00dfg\\u00e4nger 87%"])
print(usual, kilobytes() - before)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    usual, with_fonts = map(int, ended.stdout.split())
    assert usual < 5_000 < with_fonts
