"""Shift each class's scores so that precision and recall are best balanced at 0.5.

A briefly trained detector ranks its boxes well but with too low confidence. Adding one number per class to the scores
before the sigmoid (the bias of the head's last layer) changes neither ranking nor AP50, only the meaning of 0.5. The
numbers are chosen on the validation split, never on the test split.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vigil_demo.scene.types import LABELS, Picture, Truth
from vigil_demo.training.metrics import Detection, figures

_CANDIDATES = np.linspace(0.12, 0.7, 59)


def best_confidence(pictures: Sequence[tuple[Sequence[Truth], Sequence[Detection]]], label: str) -> float:
    """Return the confidence with the highest F1 for clear objects; the middle one of several equal ones."""
    scores = []
    for confidence in _CANDIDATES:
        row = figures(pictures, label, float(confidence), clear_only=True)
        total = row.precision + row.recall
        scores.append(2 * row.precision * row.recall / total if total else 0.0)
    best = np.flatnonzero(np.array(scores) >= max(scores) - 1e-9)
    return float(_CANDIDATES[best[len(best) // 2]])


def logit(share: float) -> float:
    """Return the inverse of the sigmoid."""
    return math.log(share / (1 - share))


def calibrate(weights: Path, target: Path, confidences: Sequence[float]) -> Path:
    """Write weights to `target` whose score 0.5 means what `confidences[class]` meant before."""
    import torch
    from ultralytics import YOLO

    model = YOLO(str(weights))
    shift = torch.tensor([-logit(confidence) for confidence in confidences])
    with torch.no_grad():
        for branch in model.model.model[-1].cv3:
            branch[-1].bias += shift
    model.save(str(target))
    return target


def measure_confidences(model_path: Path, pictures: Iterable[Picture]) -> list[float]:
    """Return `best_confidence` of each class for an exported model, on validation images."""
    from cctv.detectors.loader import load_model
    from vigil_demo.training.evaluate import detect

    model = load_model(model_path)
    try:
        judged = [(picture.truths, detect(model, picture.image)) for picture in pictures]
    finally:
        model.close()
    return [best_confidence(judged, label) for label in LABELS]
