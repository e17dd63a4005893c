"""Decode the output tensor of YOLOv8 and its kin: a column per anchor, no objectness, boxes as centre and size."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Candidates:
    """Anchors whose best class reaches `LOWEST_CONFIDENCE`, duplicates included; in the order of the anchors."""

    boxes: npt.NDArray[np.float32]
    """(N, 4) x_min, y_min, x_max, y_max in input pixels."""
    confidences: npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int32]

    def detections(self, letterbox: Letterbox) -> Detections:
        """Return the detections without duplicates."""
        if not self.confidences.size:
            return Detections.none()
        corners = np.hstack([self.boxes[:, :2], self.boxes[:, 2:] - self.boxes[:, :2]])
        kept = cv2.dnn.NMSBoxesBatched(
            corners.tolist(),
            self.confidences.tolist(),
            self.class_ids.tolist(),
            LOWEST_CONFIDENCE,
            OVERLAP_FOR_DUPLICATE,
        )
        order = np.asarray(kept, np.int64).reshape(-1)[:MOST_DETECTIONS]
        order = order[np.argsort(-self.confidences[order], kind="stable")]
        return Detections(letterbox.to_fractions(self.boxes[order]), self.confidences[order], self.class_ids[order])


def decode(output: npt.NDArray[np.float32], letterbox: Letterbox) -> Detections:
    """Convert the output, see `candidates`, to detections without duplicates."""
    return candidates(output).detections(letterbox)


def candidates(output: npt.NDArray[np.float32]) -> Candidates:
    """Select the candidates of `output` (4 + classes, anchors), float32.

    A column is centre x, centre y, width and height in input pixels, then one score for each class.
    """
    scores = output[4:]
    best = scores.max(axis=0)
    columns = np.flatnonzero(best >= LOWEST_CONFIDENCE)
    centre, half = output[0:2, columns].T, output[2:4, columns].T / 2
    class_ids = scores[:, columns].argmax(axis=0).astype(np.int32)
    return Candidates(np.hstack([centre - half, centre + half]), best[columns], class_ids)
