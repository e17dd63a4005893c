"""How far two models agree about the same pictures: what an export is judged by where nobody has labelled any."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cctv.common.overlap import overlaps
from cctv.detectors.model import Detections

SAME_OBJECT = 0.5
"""Intersection over union above which two boxes of one class are the same object (as PASCAL VOC counts)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two models found in the same pictures. `before` and `after` are numbers of objects."""

    pictures: int
    before: int
    after: int
    both: int
    """Objects that both found."""
    overlap: float
    """Mean intersection over union of their boxes, 0.0 to 1.0; 0.0 where there are none."""
    confidence_change: float
    """Mean confidence after, less before, over the same objects."""

    @property
    def share(self) -> float | None:
        """Dice's coefficient: 1.0 where both found the same objects; None where neither found any."""
        found = self.before + self.after
        return 2 * self.both / found if found else None


def compare(pairs: Iterable[tuple[Detections, Detections]], minimum_confidence: float) -> Agreement:
    """Compares what was found before and after, picture by picture; weaker detections do not count."""
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
    """Overlap and change of confidence of each object that both have; the most confident choose first."""
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
