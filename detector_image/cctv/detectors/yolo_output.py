"""Reads the output tensor of YOLOv8 and its kin: one column per anchor, no objectness, boxes as centre and size."""

import cv2
import numpy as np
import numpy.typing as npt

from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections

LOWEST_CONFIDENCE = 0.1
"""Weaker detections are noise. Those between this and a camera's own minimum keep a known object alive."""
OVERLAP_FOR_DUPLICATE = 0.6
"""Intersection over union above which two boxes of one class are one object."""
MOST_DETECTIONS = 100


def decode(output: npt.NDArray[np.float32], letterbox: Letterbox) -> Detections:
    """Turns `output` (4 + classes, anchors), float32, centre x, centre y, width, height in input pixels, then one
    score a class, into detections without duplicates.
    """
    scores = output[4:]
    best = scores.max(axis=0)
    candidates = np.flatnonzero(best >= LOWEST_CONFIDENCE)
    if not candidates.size:
        return Detections.none()
    confidences = best[candidates]
    class_ids = scores[:, candidates].argmax(axis=0).astype(np.int32)
    centre, size = output[0:2, candidates].T, output[2:4, candidates].T
    corners = np.hstack([centre - size / 2, size])
    kept = cv2.dnn.NMSBoxesBatched(
        corners.tolist(), confidences.tolist(), class_ids.tolist(), LOWEST_CONFIDENCE, OVERLAP_FOR_DUPLICATE
    )
    order = np.asarray(kept, np.int64).reshape(-1)[:MOST_DETECTIONS]
    order = order[np.argsort(-confidences[order], kind="stable")]
    boxes = np.hstack([centre - size / 2, centre + size / 2])[order]
    return Detections(letterbox.to_fractions(boxes), confidences[order], class_ids[order])
