"""Decode the last convolutions of YOLOv8's head: only anchors that may be detections are computed to the end.

The head ends with a softmax over the sides' distances (distribution focal loss, https://arxiv.org/abs/2006.04388), a
sigmoid of the scores, and a reordering of all anchors, of which a frame needs a few. Vigil cuts these operations off
the network (`openvino_head`) and computes them here (Ultralytics, `Detect._inference` in nn/modules/head.py, release
8.4.190).
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections
from cctv.detectors.yolo_output import LOWEST_CONFIDENCE, Candidates

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three grids."""
BINS = 16
"""Values for each side's distance from the cell's centre: the logits of 0, 1, … 15 cells."""
OUTPUTS = tuple(f"{name}_{stride}" for stride in STRIDES for name in ("boxes", "scores"))
"""For each stride `boxes` (rows, columns, 4 × bins), logits for left, top, right and bottom, and `scores` (rows,
columns, classes), logits."""

_DISTANCES = np.arange(BINS, dtype=np.float32)
_LOWEST_LOGIT = math.log(LOWEST_CONFIDENCE / (1 - LOWEST_CONFIDENCE)) - 1e-3
"""A little lower than the limit, which is applied to the confidence."""

Outputs = Mapping[str, npt.NDArray[np.float32]]


def decode(outputs: Outputs, letterbox: Letterbox) -> Detections:
    """Convert the outputs, see `OUTPUTS`, to detections without duplicates."""
    return candidates(outputs).detections(letterbox)


def candidates(outputs: Outputs) -> Candidates:
    """Select the candidates of the outputs, see `OUTPUTS`."""
    boxes, scores, cells = [], [], []
    for stride in STRIDES:
        grid = outputs[f"scores_{stride}"]
        _, columns, classes = grid.shape
        places = np.flatnonzero(grid.reshape(-1) >= _LOWEST_LOGIT) // classes
        if not places.size:
            continue
        places = places[np.diff(places, prepend=-1) > 0]  # one entry for each cell
        boxes.append(outputs[f"boxes_{stride}"].reshape(-1, 4 * BINS)[places])
        scores.append(grid.reshape(-1, classes)[places])
        cells.append(np.stack([places % columns, places // columns, np.full(places.size, stride)], axis=1))
    if not cells:
        return Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
    logits = np.concatenate(scores)
    best = np.asarray(1.0 / (1.0 + np.exp(-logits.max(axis=1))), np.float32)
    kept = np.flatnonzero(best >= LOWEST_CONFIDENCE)
    placed = _boxes(np.concatenate(boxes)[kept], np.concatenate(cells)[kept].astype(np.float32))
    return Candidates(placed, best[kept], logits[kept].argmax(axis=1).astype(np.int32))


def _boxes(logits: npt.NDArray[np.float32], cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return boxes (N, 4) in input pixels; `cells` are (N, 3), column, row and stride."""
    weights = logits.reshape(-1, 4, BINS)
    weights = np.exp(weights - weights.max(axis=2, keepdims=True))
    distances = (weights @ _DISTANCES) / weights.sum(axis=2)
    centres, strides = cells[:, :2] + 0.5, cells[:, 2:]
    return np.hstack([centres - distances[:, :2], centres + distances[:, 2:]]) * strides
