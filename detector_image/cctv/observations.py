"""One observation for each thing in a picture: what several classes say about the same place, put together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cctv.detectors.model import Detections
from vigil_contracts.names import AlertType

SAME_PLACE = 0.7
"""Intersection over union above which boxes of different classes are the same thing, which can be only one."""


@dataclass(frozen=True, slots=True)
class Vote:
    """How strongly a picture speaks for an alert type, and under which label."""

    confidence: float
    label: str


@dataclass(frozen=True, slots=True)
class Observation:
    """A thing in one picture. `box` is x_min, y_min, x_max, y_max in fractions; `confidence` is of its best class,
    looked for or not; `votes` holds the best class of each alert type.
    """

    box: tuple[float, float, float, float]
    confidence: float
    label: str
    votes: dict[AlertType, Vote]


def observe(
    detections: Detections, labels: tuple[str, ...], kinds: dict[int, AlertType], weakest: float
) -> list[Observation]:
    """Puts a picture's detections (the most confident first) together; those below `weakest` are left out."""
    rows = [row for row in range(len(detections)) if detections.confidences[row] >= weakest]
    observations: list[Observation] = []
    while rows:
        first, rest = rows[0], rows[1:]
        overlaps = overlap(detections.boxes[first], detections.boxes[rest])
        same = [row for row, share in zip(rest, overlaps, strict=True) if share >= SAME_PLACE]
        rows = [row for row in rest if row not in same]
        votes: dict[AlertType, Vote] = {}
        for row in [first, *same]:
            class_id = int(detections.class_ids[row])
            if class_id in kinds:
                votes.setdefault(kinds[class_id], Vote(float(detections.confidences[row]), labels[class_id]))
        x_min, y_min, x_max, y_max = (float(value) for value in detections.boxes[first])
        observations.append(
            Observation(
                (x_min, y_min, x_max, y_max),
                float(detections.confidences[first]),
                labels[int(detections.class_ids[first])],
                votes,
            )
        )
    return observations


def overlap(box: npt.ArrayLike, boxes: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Intersection over union of `box` (4,) with each of `boxes` (N, 4): (N,), 0.0 to 1.0."""
    one, many = np.asarray(box, np.float32), np.asarray(boxes, np.float32).reshape(-1, 4)
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(many[:, 2:] - many[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)
