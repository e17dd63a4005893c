"""Intersection over union of boxes, for arrays of boxes as x_min, y_min, x_max, y_max."""

import numpy as np
import numpy.typing as npt


def overlap(box: npt.ArrayLike, boxes: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the intersection over union of `box` (4,) with each of `boxes` (N, 4): (N,), 0.0 to 1.0."""
    return np.asarray(overlaps(np.asarray(box, np.float32)[None], boxes)[0], np.float32)


def overlaps(these: npt.ArrayLike, those: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the intersection over union of each of `these` (M, 4) and each of `those` (N, 4): (M, N), 0.0 to 1.0."""
    ones = np.asarray(these, np.float32).reshape(-1, 1, 4)
    many = np.asarray(those, np.float32).reshape(1, -1, 4)
    low, high = np.maximum(ones[..., :2], many[..., :2]), np.minimum(ones[..., 2:], many[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(many[..., 2:] - many[..., :2], axis=2) + np.prod(ones[..., 2:] - ones[..., :2], axis=2)
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)
