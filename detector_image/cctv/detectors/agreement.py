"""Measure how far two models agree on the same images, to judge an export without labelled data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cctv.common.overlap import overlaps
from cctv.detectors.model import Detections

SAME_OBJECT = 0.5
"""Intersection over union above which two boxes of one class are the same object (as PASCAL VOC counts)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The detections of two models on the same images. `before` and `after` are numbers of objects."""

    pictures: int
    before: int
    after: int
    both: int
    """Objects that both models detected."""
    overlap: float
    """Mean intersection over union of their boxes, 0.0 to 1.0; 0.0 where there are none."""
    confidence_change: float
    """Mean change of confidence (after minus before) over the same objects."""

    @property
    def share(self) -> float | None:
        """Return Dice's coefficient: 1.0 if both detected the same objects; None if neither detected any."""
        found = self.before + self.after
        return 2 * self.both / found if found else None


def compare(pairs: Iterable[tuple[Detections, Detections]], minimum_confidence: float) -> Agreement:
    """Compare the detections before and after, image by image; weaker detections are ignored."""
    pictures = before = after = 0
    shared: list[tuple[float, float]] = []
    for first, second in pairs:
        pictures += 1
        first, second = _strong(first, minimum_confidence), _strong(second, minimum_confidence)
        before, after = before + len(first), after + len(second)
        shared += _matches(first, second)
    means = np.mean(shared, axis=0) if shared else np.zeros(2)
    return Agreement(pictures, before, after, len(shared), float(means[0]), float(means[1]))


def _strong(found: Detections, minimum_confidence: float) -> Detections:
    kept = found.confidences >= minimum_confidence
    return Detections(found.boxes[kept], found.confidences[kept], found.class_ids[kept])


def _matches(first: Detections, second: Detections) -> list[tuple[float, float]]:
    """Return overlap and change of confidence for each object that both detected, the most confident first."""
    alike = overlaps(first.boxes, second.boxes)
    alike[first.class_ids[:, None] != second.class_ids[None]] = 0.0
    shared = []
    for row in range(len(first)):
        if not len(second):
            break
        column = int(alike[row].argmax())
        if alike[row, column] >= SAME_OBJECT:
            change = float(second.confidences[column] - first.confidences[row])
            shared.append((float(alike[row, column]), change))
            alike[:, column] = 0.0
    return shared
