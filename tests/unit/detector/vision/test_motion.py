"""Frames are scaled down by block averages."""

import numpy as np
import pytest

from cctv.vision.motion import shrink


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 6, 8, 10, 12])
def test_scaled_pixels_are_the_means_of_their_blocks(factor: int) -> None:
    luma = np.random.default_rng(1).integers(0, 256, (20 * factor + factor // 2, 30 * factor + 1), np.uint8)
    expected = luma[: 20 * factor, : 30 * factor].reshape(20, factor, 30, factor).mean(axis=(1, 3))
    small = shrink(luma, 20, smooth=False)
    assert small.shape == (20, (30 * factor + 1) // factor)
    # Each halving rounds.
    np.testing.assert_allclose(small[:, :30], expected, atol=1.5)
