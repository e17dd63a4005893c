"""How often the model recognises a person of a given height in a 1080p frame: in the whole frame, and in a region.

If its environment exists, `ultralytics` analyses the same frames with the same network at 640 and 1280 pixels.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.bench.detector.resized import resized_model
from tests.bench.report import Measurement
from tests.integration.detector.clips import sampled
from tests.integration.detector.pasted import FULL_HD, Pasted, Scene

from cctv.common.frame import WHOLE, Frame
from cctv.detectors.model import Detections, Model
from cctv.vision.regions import RegionPlanner, merge
from vigil_contracts.geometry import Box

HEIGHTS_PX = (16, 24, 32, 48, 64)
SIDES_PX = (640, 1280)
"""Input sides of `ultralytics`."""
FRAMES_PER_SECOND = 0.25
CERTAIN, RECOGNISED, SAME_BOX = 0.7, 0.5, 0.4
CLIP_HEIGHT = 9 / 16
"""Height of the clip divided by its width."""


@dataclass(frozen=True, slots=True)
class Example:
    """A frame of the clip with one person, who is completely visible."""

    frame: Frame
    person: Box


def measure_recall(clip: Path, network: Path, model: Model, ultralytics: Path) -> list[Measurement]:
    """Return the recall of each height in percent.

    `network`: the folder from which `model` was loaded; `ultralytics`: the Python of its environment.
    """
    empty, *frames = sampled(clip, FRAMES_PER_SECOND)
    examples = list(_examples(frames, model))
    found = []
    for height in HEIGHTS_PX:
        scenes = [_scene(empty, example, height, number) for number, example in enumerate(examples)]
        counts = {
            "whole frame": sum(_is_found(_people(model.detect(frame), model), truth) for frame, truth in scenes),
            "region": sum(
                _is_found(_people(_detect_in_region(frame, truth, model), model), truth) for frame, truth in scenes
            ),
        }
        if ultralytics.exists():
            for side in SIDES_PX:
                counts[f"ultralytics at {side}"] = _count_with_ultralytics(ultralytics, network, side, scenes)
        for name, count in counts.items():
            title = f"recall of people {height} pixels high, {name}"
            found.append(Measurement.plain(title, count / len(examples) * 100, "%"))
            print(f"bench: {title}: {count} of {len(examples)}", flush=True)
    return found


def _count_with_ultralytics(python: Path, network: Path, side: int, scenes: Sequence[tuple[Frame, Box]]) -> int:
    """Return in how many scenes `ultralytics` finds the person with an input of `side` × `side` pixels."""
    worker = Path(__file__).with_name("ultralytics_worker.py")
    environment = {**os.environ, "YOLO_OFFLINE": "true", "PYTHONPATH": ""}
    with tempfile.TemporaryDirectory() as folder:
        for number, (frame, _) in enumerate(scenes):
            np.save(Path(folder) / f"{number}.npy", frame.bgr())
        model = resized_model(network, Path(folder), side, side)
        command = [str(python), str(worker), str(model), str(side), folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    return sum(
        _is_found([(Box(*box), confidence) for *box, confidence in people if confidence >= RECOGNISED], truth)
        for people, (_, truth) in zip(answers, scenes, strict=True)
    )


def _examples(frames: Sequence[Frame], model: Model) -> Iterator[Example]:
    for frame in frames:
        people = _people(model.detect(frame), model)
        if len(people) == 1 and people[0][1] >= CERTAIN and _is_complete(people[0][0]):
            yield Example(frame, people[0][0])


def _scene(empty: Frame, example: Example, height: int, number: int) -> tuple[Frame, Box]:
    """Return the example pasted so that the person has this height, and the person's box."""
    width = round(height / (example.person.height * CLIP_HEIGHT) / 2) * 2
    # Another place for each example, within the frame.
    steps = (97 * number) % (FULL_HD[0] - width), (53 * number) % (FULL_HD[1] - width)
    place = Pasted(FULL_HD, width, *(step // 2 * 2 for step in steps))
    box, person = place.box, example.person
    truth = Box(
        box.x_min + person.x_min * box.width,
        box.y_min + person.y_min * box.height,
        box.x_min + person.x_max * box.width,
        box.y_min + person.y_max * box.height,
    )
    return Scene(empty, place, noise_fields=1).paste(example.frame), truth


def _detect_in_region(frame: Frame, truth: Box, model: Model) -> Detections:
    """Return what the model finds if the person is what moves."""
    planner = RegionPlanner(model.input_size)
    planner.plan(FULL_HD, [], [], 0.0)
    parts = [frame if region == WHOLE else frame.crop(region) for region in planner.plan(FULL_HD, [truth], [], 1.0)]
    return merge([part.region for part in parts], [model.detect(part) for part in parts]).detections


def _people(detections: Detections, model: Model) -> list[tuple[Box, float]]:
    return [
        (Box(*(float(value) for value in box)), float(confidence))
        for box, confidence, class_id in zip(
            detections.boxes, detections.confidences, detections.class_ids, strict=True
        )
        if model.labels[class_id] == "person" and confidence >= RECOGNISED
    ]


def _is_complete(box: Box) -> bool:
    return box.x_min > 0.01 and box.x_max < 0.99 and box.height > 0.4


def _is_found(people: Sequence[tuple[Box, float]], truth: Box) -> bool:
    return any(box.iou(truth) >= SAME_BOX for box, _ in people)
