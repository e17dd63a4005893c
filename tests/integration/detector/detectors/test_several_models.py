"""Two real models on one stream: COCO detects people, the demo model detects fire."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.integration.detector.clips import PERSONS, START, RememberingModel, frames_of

from cctv.common.frame import Frame
from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from cctv.detectors.several import SeveralModels
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_demo.scene.story import Story

BURNING_SECONDS = (45.0, 62.0)
"""The time in the demo story when rubbish burns."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def demo() -> Iterator[Model]:
    model = load_model("demo")
    yield model
    model.close()


@pytest.fixture(scope="module")
def coco(model: Model) -> RememberingModel:
    """Return the COCO model, which analyses each frame of `burning_yard` once."""
    return RememberingModel(model, alike=0.0)


@pytest.fixture(scope="module")
def burning_yard(shared: Path) -> list[Frame]:
    """Return the burning demo yard with a real person pasted in front, at 5 frames a second."""
    room = next(islice(frames_of(shared / "videos" / PERSONS), 130, None)).bgr()
    person = cv2.resize(room[0:410, 360:545], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    scene = Story()
    frames = []
    for number, seconds in enumerate(np.arange(*BURNING_SECONDS, 0.2)):
        picture = scene.frame(float(seconds)).image.copy()
        picture[100 : 100 + person.shape[0], 20 : 20 + person.shape[1]] = person
        at = float(seconds - BURNING_SECONDS[0])
        frames.append(Frame.from_bgr(picture, START + timedelta(seconds=at), at, number))
    return frames


def camera(**detection: object) -> CameraConfiguration:
    return CameraConfiguration(
        id=1, name="Yard", rtsp_url="rtsp://host/stream", revision="1", detection=Detection(**detection)
    )


def test_each_model_adds_what_it_knows(coco: Model, demo: Model, burning_yard: list[Frame]) -> None:
    meanings = [{"label": "smoke", "alert_type": "other"}]
    both = [{"model": "coco"}, {"model": "demo", "classes": ["fire", "smoke"], "alert_types": meanings}]
    analyser = Analyser(camera(models=both), SeveralModels([coco, demo]))
    events = [event for frame in burning_yard for event in analyser.process(frame)]
    found = {(event.alert_type.value, event.label) for event in events}
    assert ("fire", "fire") in found
    assert ("other", "smoke") in found, "what this camera's owner says that smoke is"
    real = [event for event in events if event.box is not None and event.box.x_max < 0.25]
    assert [(event.alert_type.value, event.label) for event in real] == [("person", "person")]


def test_the_first_model_alone_sees_no_fire(coco: Model, burning_yard: list[Frame]) -> None:
    analyser = Analyser(camera(), coco)
    events = [event for frame in burning_yard for event in analyser.process(frame)]
    assert "person" in {event.alert_type for event in events}
    assert not {"fire", "smoke"} & {event.alert_type for event in events}
