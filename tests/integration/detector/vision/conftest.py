"""The real clips and a real model."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.detector.vision.clips import RememberingModel

from cctv.detectors.model import Model, load_model
from vigil_contracts.camera import CameraConfiguration, Detection


@pytest.fixture(scope="session")
def model_folder(shared: Path) -> Path:
    path = shared / "models" / "yolov8n_int8_openvino_model"
    if not path.is_dir():
        pytest.skip(f"needs YOLOv8n on COCO as OpenVINO network: {path} is missing")
    return path


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Iterator[Model]:
    model = load_model(model_folder)
    yield model
    model.close()


@pytest.fixture(scope="session")
def clip(shared: Path, model: Model) -> Callable[[str], tuple[Path, RememberingModel]]:
    known: dict[str, tuple[Path, RememberingModel]] = {}

    def of(clip: str) -> tuple[Path, RememberingModel]:
        return known.setdefault(clip, (shared / "videos" / clip, RememberingModel(model)))

    return of


@pytest.fixture
def camera() -> Callable[..., CameraConfiguration]:
    def make(**detection: object) -> CameraConfiguration:
        return CameraConfiguration(
            id=1,
            name="Yard",
            rtsp_url="rtsp://host/stream",
            revision="1",
            detection=Detection(**detection),
        )

    return make
