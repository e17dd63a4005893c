"""One round of the demo scene: each event is reported exactly once, at any sampling."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.detector.clips import RememberingModel, sampled
from tests.integration.detector.kept_detections import kept_detections
from tests.integration.services.kept_inputs import DEMO_CLIP_FOLDER

import cctv.detectors
from cctv.detectors.loader import load_model
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_demo.yard_clip import ensure_yard_clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DEMO_MODEL = Path(cctv.detectors.__file__).parents[1] / "models" / "demo"
STORY = (
    ("person", 1.2, 13.0),
    ("vehicle", 4.5, 11.5),
    ("person", 12.5, 23.3),
    ("vehicle", 17.0, 41.0),
    ("person", 26.0, 37.0),
    ("person", 27.6, 38.8),
    ("person", 41.5, 46.7),
    ("smoke", 46.5, 63.0),
    ("fire", 48.0, 62.0),
    ("person", 51.0, 66.5),
)
"""The objects in `vigil_demo.scene.story` with the times when they are in view."""


@pytest.fixture(scope="module")
def clip() -> Path:
    return ensure_yard_clip(DEMO_CLIP_FOLDER)


@pytest.fixture(scope="module")
def model(clip: Path) -> Iterator[RememberingModel]:
    model = load_model(DEMO_MODEL)
    with kept_detections(model, DEMO_MODEL, clip) as kept:
        yield RememberingModel(kept, alike=0.0)
    model.close()


@pytest.mark.parametrize(
    ("frames_per_second", "first_seconds"),
    [(5, 0.0), (5, 0.1), (6, 0.0), (8, 0.0), (8, 0.1), (10, 0.0)],
)
def test_demo_scene_gives_the_events_of_its_story(
    clip: Path, model: RememberingModel, frames_per_second: float, first_seconds: float
) -> None:
    camera = CameraConfiguration(
        id=1,
        name="Yard",
        rtsp_url="rtsp://host/stream",
        revision="1",
        detection=Detection(frames_per_second=frames_per_second),
    )
    analyser = Analyser(camera, model)
    told: list[tuple[str, float]] = []
    for frame in sampled(clip, frames_per_second, first_seconds):
        told += [(str(event.alert_type), round(frame.monotonic_seconds, 1)) for event in analyser.process(frame)]
    assert [kind for kind, _ in told] == [kind for kind, _, _ in STORY], told
    for (_, seconds), (kind, begin, end) in zip(told, STORY, strict=True):
        assert begin < seconds < min(end, begin + 4), f"{kind} is told of at {seconds} s"
