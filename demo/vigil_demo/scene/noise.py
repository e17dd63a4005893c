"""Tileable noise textures."""

from functools import lru_cache

import cv2
import numpy as np

from vigil_demo.scene.types import FloatArray

TEXTURE_SIZE = 256


@lru_cache(maxsize=64)
def fractal_noise(seed: int, finest: int = 128) -> FloatArray:
    """Return tileable noise, (256, 256) float32 in 0..1: octaves of value noise, each half as strong."""
    rng = np.random.default_rng(seed)
    total = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.float32)
    weight = 1.0
    cells = 4
    while cells <= finest:
        grid = rng.random((cells, cells), dtype=np.float32)
        margin = 2
        wrapped = np.pad(grid, margin, mode="wrap")
        scale = TEXTURE_SIZE // cells
        large = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        edge = margin * scale
        total += weight * large[edge : edge + TEXTURE_SIZE, edge : edge + TEXTURE_SIZE]
        weight *= 0.55
        cells *= 2
    low, high = float(total.min()), float(total.max())
    result: FloatArray = (total - low) / (high - low)
    result.flags.writeable = False
    return result


def sample(texture: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Sample the texture at (u, v), in texture widths, wrapping around; bilinear."""
    # OpenCV wraps by itself, but its fixed-point coordinates end at 32767.
    column = np.clip(u * np.float32(TEXTURE_SIZE), -32_000, 32_000).astype(np.float32, copy=False)
    row = np.clip(v * np.float32(TEXTURE_SIZE), -32_000, 32_000).astype(np.float32, copy=False)
    return np.asarray(cv2.remap(texture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
