"""Which pixels lie in polygons."""

import time

import pytest

from cctv.common.polygons import covered_pixels
from vigil_contracts.geometry import is_inside

HEIGHT, WIDTH = 36, 48
PENTAGRAM = ((0.5, 0.1), (0.72, 0.9), (0.1, 0.4), (0.9, 0.4), (0.28, 0.9))
TRIANGLE = ((0.1, 0.1), (0.6, 0.2), (0.3, 0.9))
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@pytest.mark.parametrize("outlines", [(TRIANGLE,), (PENTAGRAM,), (WHOLE,), (TRIANGLE, PENTAGRAM), (TRIANGLE[::-1],)])
def test_all_pixels_whose_centre_is_inside_are_covered(outlines: tuple[tuple[tuple[float, float], ...], ...]) -> None:
    covered = covered_pixels(outlines, HEIGHT, WIDTH)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            centre = (column + 0.5) / WIDTH, (row + 0.5) / HEIGHT
            if any(is_inside(centre, outline) for outline in outlines):
                assert covered[row, column], (row, column)


def test_pixels_beside_the_outline_are_not_covered() -> None:
    covered = covered_pixels([((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))], 40, 40)
    assert covered[10:31, 10:31].all()
    assert covered.sum() == 21 * 21, "the outline itself, and nothing more"


def test_the_largest_masks_take_no_noticeable_time() -> None:
    corners = tuple((0.5 + 0.4 * (number % 2), number / 64) for number in range(64))
    began = time.process_time()
    covered_pixels([corners] * 32, 1080, 1920)
    assert time.process_time() - began < 5.0, "32 masks of 64 corners, the most that a camera can have"
