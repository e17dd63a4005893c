"""Synthetic frames and models, and property tests that tolerate a loaded machine."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import settings

from cctv.common.frame import Frame
from cctv.detectors.model import Detections
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Found = tuple[str, float, tuple[float, float, float, float]]
"""Label, confidence, box."""


class ScriptedModel:
    """A model whose answers a test writes down, by the frame's time. A crop of the frame shows what lies in it."""

    labels = ("person", "car", "cell phone", "dog", "fire")
    input_size = (64, 64)

    def __init__(self, script: Callable[[float], list[Found]]) -> None:
        self.script = script
        self.asked = 0
        self.regions: list[Box] = []

    def submit(self, frame: Frame) -> Future[Detections]:
        self.asked += 1
        self.regions.append(frame.region)
        future: Future[Detections] = Future()
        found = [shown for one in self.script(frame.monotonic_seconds) if (shown := _within(one, frame.region))]
        future.set_result(detections(found, self.labels))
        return future

    def detect(self, frame: Frame) -> Detections:
        return self.submit(frame).result()

    def close(self) -> None:
        pass


def _within(found: Found, region: Box) -> Found | None:
    """What a crop of the frame shows of an object; None: nothing."""
    label, confidence, corners = found
    if not Box(*corners).intersection(region):
        return None
    left, right = (np.clip((corners[side] - region.x_min) / region.width, 0.0, 1.0) for side in (0, 2))
    top, bottom = (np.clip((corners[side] - region.y_min) / region.height, 0.0, 1.0) for side in (1, 3))
    return label, confidence, (float(left), float(top), float(right), float(bottom))


def detections(found: list[Found], labels: tuple[str, ...] = ScriptedModel.labels) -> Detections:
    ordered = sorted(found, key=lambda one: -one[1])
    return Detections(
        np.array([one[2] for one in ordered], np.float32).reshape(-1, 4),
        np.array([one[1] for one in ordered], np.float32),
        np.array([labels.index(one[0]) for one in ordered], np.int32),
    )


@pytest.fixture
def scripted_model() -> type[ScriptedModel]:
    return ScriptedModel


@pytest.fixture
def make_detections() -> Callable[[list[Found]], Detections]:
    return detections


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    def make(seconds: float = 0.0, picture: np.ndarray | None = None) -> Frame:
        if picture is None:
            # Noise that differs from frame to frame: something always moves.
            picture = np.random.default_rng(int(seconds * 1000)).integers(0, 255, (90, 160, 3), dtype=np.uint8)
        return Frame.from_bgr(picture, START + timedelta(seconds=seconds), seconds, int(seconds * 100))

    return make


@pytest.fixture
def make_camera() -> Callable[..., CameraConfiguration]:
    def make(**detection: object) -> CameraConfiguration:
        return CameraConfiguration(
            id=1,
            name="Yard",
            rtsp_url="rtsp://host/stream",
            revision="1",
            detection=Detection(**detection),
        )

    return make
