"""Run an exported model on held-out images, with the detector's own runtime."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np

from cctv.common.frame import Frame
from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from vigil_demo.scene.types import LABELS, ByteArray, Picture, Truth
from vigil_demo.training.dataset import FIRST_SEED, PICTURES_PER_YARD, rendered_frames
from vigil_demo.training.metrics import Detection, Figures, figures
from vigil_demo.yard_clip import read_truths

CONFIDENCE = 0.5
"""Confidence at which precision and recall are given: a camera's default."""

Judged = list[tuple[Sequence[Truth], Sequence[Detection]]]


@dataclass(frozen=True)
class Evaluation:
    """Figures per class over a set of images."""

    pictures: int
    confidence: float
    classes: dict[str, Figures]
    """Over all objects."""
    clear: dict[str, Figures]
    """Over the clear objects (`metrics.is_clear`)."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def detect(model: Model, image: ByteArray) -> list[Detection]:
    """Return the model's detections in (H, W, 3) uint8 BGR."""
    found = model.detect(Frame.from_bgr(image, datetime.now(UTC), 0.0, 0))
    detections = []
    for box, confidence, number in zip(found.boxes, found.confidences, found.class_ids, strict=True):
        x1, y1, x2, y2 = (float(value) for value in box)
        detections.append(Detection(model.labels[int(number)], (x1, y1, x2, y2), float(confidence)))
    return detections


def held_out_frames(yards: int, first_seed: int = FIRST_SEED["test"]) -> Iterable[Picture]:
    """Yield images of yards, lights and cameras that are not in the training data."""
    for seed in range(first_seed, first_seed + yards):
        yield from rendered_frames(seed, PICTURES_PER_YARD)


def story_frames(clip: Path, every: int = 1) -> Iterable[Picture]:
    """Yield every `every`th frame of the demo clip, decoded, with its truths."""
    truths = read_truths(clip)
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                yield Picture(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), truths[number])


def evaluate(model_path: Path, pictures: Iterable[Picture], confidence: float = CONFIDENCE) -> Evaluation:
    """Return the figures of the model in `model_path`. Raises `cctv.detectors.errors.ModelInvalidError`."""
    model = load_model(model_path)
    try:
        judged: Judged = [(picture.truths, detect(model, picture.image)) for picture in pictures]
    finally:
        model.close()
    return Evaluation(
        len(judged),
        confidence,
        {label: figures(judged, label, confidence) for label in LABELS},
        {label: figures(judged, label, confidence, clear_only=True) for label in LABELS},
    )
