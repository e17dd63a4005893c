"""One round of the demo scene by `cctv replay`: each thing that happens is told of once, and nothing else."""

from pathlib import Path

import pytest

import cctv.detectors
from cctv.detectors.model import load_model
from cctv.replay import replay
from vigil_contracts.camera import Detection
from vigil_demo.yard_clip import ensure_yard_clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[4]
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
"""What comes into view in `vigil_demo.scene.story`, and from when to when."""


def test_the_demo_scene_gives_the_events_of_its_story() -> None:
    model = load_model(DEMO_MODEL)
    try:
        seen = replay(ensure_yard_clip(ROOT / "build" / "demo-clip"), Detection(), model)
    finally:
        model.close()
    told = [(str(one.event.alert_type), round(one.seconds, 1)) for one in seen]
    assert [kind for kind, _ in told] == [kind for kind, _, _ in STORY], told
    for (_, seconds), (kind, begin, end) in zip(told, STORY, strict=True):
        assert begin < seconds < min(end, begin + 4), f"{kind} is told of at {seconds} s"
