"""The shipped model matches its card, measured again on unseen images."""

import json
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from cctv.detectors.loader import load_model
from cctv.detectors.model_files import DEMO_FOLDER
from vigil_demo.scene.types import LABELS, Picture
from vigil_demo.training.card import CARD_NAME, FIGURES_NAME, sha256
from vigil_demo.training.dataset import FIRST_SEED
from vigil_demo.training.evaluate import CONFIDENCE, detect, evaluate, held_out_frames, story_frames
from vigil_demo.training.metrics import Detection, iou

UNSEEN_SEED = FIRST_SEED["test"] + 500_000
MARGIN = 0.1
"""64 frames hold about 30 to 80 objects of a class: a share of 0.9 wavers by 0.05 (one standard deviation)."""

pytestmark = pytest.mark.timeout(300)


def test_the_files_are_those_of_the_card() -> None:
    card = (DEMO_FOLDER / CARD_NAME).read_text()
    digests = json.loads((DEMO_FOLDER / FIGURES_NAME).read_text())["sha256"]
    networks = [path for path in DEMO_FOLDER.iterdir() if path.suffix in {".xml", ".bin"}]
    assert {path.name: sha256(path) for path in networks} == digests
    assert all(digest in card for digest in digests.values())
    assert sum(path.stat().st_size for path in DEMO_FOLDER.iterdir()) < 6_000_000


def test_the_folder_holds_no_pickle() -> None:
    assert {path.suffix for path in DEMO_FOLDER.iterdir()} == {".xml", ".bin", ".yaml", ".md", ".json"}


def test_the_metadata_names_the_classes_and_the_input() -> None:
    metadata = yaml.safe_load((DEMO_FOLDER / "metadata.yaml").read_text())
    assert tuple(metadata["names"].values()) == LABELS
    assert metadata["task"] == "detect"
    assert metadata["stride"] == 32
    model = load_model("demo")
    try:
        assert model.labels == LABELS
        assert list(model.input_size) == metadata["imgsz"]
    finally:
        model.close()


def test_accuracy_on_unseen_yards_matches_the_model_card() -> None:
    said = json.loads((DEMO_FOLDER / FIGURES_NAME).read_text())["held_out"]["clear"]
    measured = evaluate(DEMO_FOLDER, held_out_frames(16, UNSEEN_SEED))
    for label in LABELS:
        figures = measured.clear[label]
        assert figures.objects >= 10, label
        assert figures.precision >= said[label]["precision"] - MARGIN, (label, figures)
        assert figures.recall >= said[label]["recall"] - MARGIN, (label, figures)
        assert figures.average_precision >= said[label]["average_precision"] - MARGIN, (label, figures)


@pytest.fixture(scope="module")
def watched(yard_clip: Path) -> list[tuple[Picture, list[Detection]]]:
    """Every fifth frame of the demo clip with the model's detections: two a second."""
    model = load_model("demo")
    try:
        return [(picture, detect(model, picture.image)) for picture in story_frames(yard_clip, every=5)]
    finally:
        model.close()


def confident(detections: list[Detection]) -> list[Detection]:
    return [detection for detection in detections if detection.confidence >= CONFIDENCE]


@pytest.mark.parametrize("label", LABELS)
def test_each_class_is_found_in_consecutive_frames_of_the_clip(
    watched: list[tuple[Picture, list[Detection]]], label: str
) -> None:
    hits = []
    for picture, detections in watched:
        boxes = [truth.box for truth in picture.truths if truth.label == label]
        found = [detection.box for detection in confident(detections) if detection.label == label]
        hits.append(any(iou(box, other) >= 0.5 for box in boxes for other in found))
    longest = max((len(list(run)) for hit, run in groupby(hits) if hit), default=0)
    assert longest >= 6  # three consecutive seconds


def test_empty_yard_has_no_detections(watched: list[tuple[Picture, list[Detection]]]) -> None:
    empty = [confident(detections) for picture, detections in watched if not picture.truths]
    assert len(empty) >= 10
    assert all(not found for found in empty)


def test_demo_clip_has_no_false_detections(
    watched: list[tuple[Picture, list[Detection]]],
) -> None:
    strangers = [
        detection
        for picture, detections in watched
        for detection in confident(detections)
        if not any(iou(detection.box, truth.box) > 0.1 for truth in picture.truths if truth.label == detection.label)
    ]
    assert len(strangers) <= 1, strangers
