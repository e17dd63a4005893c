"""Precision, recall and average precision of boxes, per class, as defined by PASCAL VOC (2010) and COCO."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.types import Truth

Box = tuple[float, float, float, float]
MATCH_IOU = 0.5
CLEAR_VISIBLE = 0.5
CLEAR_HEIGHT = 24 / 360
"""An object is clear if at least half of it is visible and it is 24 pixels high in a 360-pixel image.

As in KITTI's levels, other objects are ignored in the clear figures, whether detected or missed.
"""


@dataclass(frozen=True)
class Detection:
    """One detection of a model."""

    label: str
    box: Box
    """x1, y1, x2, y2 as fractions of the image."""
    confidence: float


@dataclass(frozen=True)
class Figures:
    """The detection quality of one class."""

    objects: int
    detections: int
    """At the given confidence."""
    precision: float
    """Fraction of the detections that are correct, at the given confidence; 1.0 if there are none."""
    recall: float
    """Fraction of the objects that are detected, at the given confidence; 1.0 if there are none."""
    average_precision: float
    """Area under the curve of precision over recall, all confidences, IoU 0.5 (AP50)."""


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def is_clear(truth: Truth) -> bool:
    """Return whether the object is large and visible enough that any detector should detect it."""
    return truth.visible >= CLEAR_VISIBLE and truth.box[3] - truth.box[1] >= CLEAR_HEIGHT


def figures(
    pictures: Sequence[tuple[Sequence[Truth], Sequence[Detection]]],
    label: str,
    confidence: float,
    *,
    clear_only: bool = False,
) -> Figures:
    """Return the figures of one class over images with their truths and detections."""
    objects, marks = 0, list[tuple[float, bool]]()
    for truths, detections in pictures:
        of_class = [truth for truth in truths if truth.label == label]
        counted = [truth.box for truth in of_class if is_clear(truth) or not clear_only]
        left_out = [truth.box for truth in of_class if not is_clear(truth) and clear_only]
        objects += len(counted)
        marks += _judge(counted, left_out, [detection for detection in detections if detection.label == label])
    marks.sort(key=lambda mark: -mark[0])
    confident = [right for score, right in marks if score >= confidence]
    right = sum(confident)
    return Figures(
        objects,
        len(confident),
        right / len(confident) if confident else 1.0,
        right / objects if objects else 1.0,
        _average_precision([right for _, right in marks], objects),
    )


def _judge(counted: list[Box], left_out: list[Box], detections: list[Detection]) -> list[tuple[float, bool]]:
    """Return confidence and correctness of each detection: the most confident is matched first.

    Detections of ignored objects are not counted.
    """
    left, marks = list(counted), []
    for detection in sorted(detections, key=lambda detection: -detection.confidence):
        best = max(left, key=lambda box: iou(box, detection.box), default=None)
        right = best is not None and iou(best, detection.box) >= MATCH_IOU
        if right and best is not None:
            left.remove(best)
        elif any(iou(box, detection.box) >= MATCH_IOU for box in left_out):
            continue
        marks.append((detection.confidence, right))
    return marks


def _average_precision(rightness: list[bool], objects: int) -> float:
    if not objects or not rightness:
        return 0.0
    right = np.cumsum(rightness)
    precision = right / np.arange(1, len(rightness) + 1)
    # Make precision decrease monotonically, then sum it over the steps of recall.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[np.array(rightness)].sum() / objects)
