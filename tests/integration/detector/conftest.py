"""Shared fixtures of the detector: a small disk, a real model, a camera and its clip."""

import subprocess
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.detector.clips import PERSONS, frames_of
from tests.integration.services.made_clips import make_clip

from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_demo.clip import Clip, load_clip


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, 320 × 192, 10 frames/s, a keyframe each second."""
    return make_clip(tmp_path_factory.mktemp("clips") / "small.mp4")


@pytest.fixture(scope="session")
def clip(clip_path: Path) -> Clip:
    """Four seconds, 320 × 192, 10 frames/s, a keyframe each second."""
    return load_clip(clip_path)


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


PERSON_FRAME = 130


@pytest.fixture(scope="session")
def standing(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person stands in the frame for 90 s. One slice per frame, since the server reorders several slices."""
    picture = next(islice(frames_of(shared / "videos" / PERSONS), PERSON_FRAME, None)).bgr().astype(np.int16)
    grain, path = np.random.default_rng(1), tmp_path_factory.mktemp("clips") / "standing.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=5, options={"preset": "ultrafast", "bf": "0", "g": "10", "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        noisy = [(picture + grain.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8) for _ in range(5)]
        for number in range(90 * 5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy[number % 5], format="bgr24")))
        container.mux(stream.encode())
    return path
