"""`.pt` weights run on OpenVINO without torch, with the results of ultralytics.

`tests/e2e/test_six_people.py` has the conversion at the start of `make run`.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from tests.integration.detector.clips import PERSONS, RememberingModel, sampled
from tests.integration.services import made_weights
from tools.image.fetch_model import put_model

from cctv.detectors import model_files
from cctv.detectors.loader import load_model
from cctv.detectors.model_files import Published
from cctv.detectors.weights_archive import read_weights
from cctv.detectors.yolo_builder import build_network
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration

LARGEST_DIFFERENCE = 1e-3
"""Tolerance between our output and that of ultralytics before non-maximum suppression: pixels for boxes, 0 to 1 for
scores."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not made_weights.PYTHON.exists(), reason=made_weights.NEEDED),
    pytest.mark.xdist_group("converted-weights"),
]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    """Return a folder of weights from ultralytics, each with its output for one frame."""
    return made_weights.ensure_weights(shared)


@pytest.fixture
def image_models(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the model folder of a CPU image, made from weights that replace the published ones."""
    if not (folder / "real.pt").is_file():
        pytest.skip("needs YOLOv8n on COCO as OpenVINO network in VIGIL_SHARED")
    models = tmp_path / "models"
    models.mkdir()
    weights = shutil.copy(folder / "real.pt", models / "yolov8n.pt")
    sha256 = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
    monkeypatch.setitem(model_files.PUBLISHED, "yolov8n", Published("https://nowhere.invalid/", sha256))
    monkeypatch.setenv("VIGIL_MODEL_FETCH", "0")  # as in the images
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(models))
    return models


@pytest.mark.parametrize("architecture", made_weights.ARCHITECTURES)
def test_output_equals_that_of_ultralytics(folder: Path, architecture: str) -> None:
    weights = folder / f"{architecture}.pt"
    network = build_network(read_weights(weights), weights)
    precision = {"INFERENCE_PRECISION_HINT": "f32"}  # processors with AMX would use bf16
    output = ov.Core().compile_model(network, "CPU", precision)(np.load(folder / "picture.npy"))[0]
    expected = np.load(folder / f"{architecture}.npy")
    assert output.shape == expected.shape == (1, 84, 8400)
    assert expected[:, 4:].std() > 0.1, "the scores differ, so that equality says something"
    assert float(np.abs(output - expected).max()) < LARGEST_DIFFERENCE


def test_six_people_with_the_default_model_of_an_image(
    image_models: Path, shared: Path, camera: Callable[..., CameraConfiguration]
) -> None:
    """A camera without a configured model uses the network that the image build converts from the pinned weights."""
    put_model("yolov8n", image_models, as_openvino=True)
    files = {path.relative_to(image_models).as_posix() for path in image_models.rglob("*") if path.is_file()}
    assert files == {"yolov8n_openvino_model/yolov8n.xml", "yolov8n_openvino_model/yolov8n.bin"}
    assert sum((image_models / file).stat().st_size for file in files) < 8_000_000
    model = load_model("")
    analyser = Analyser(camera(classes=["person"]), RememberingModel(model))
    events = [event for frame in sampled(shared / "videos" / PERSONS, 3.0) for event in analyser.process(frame)]
    model.close()
    assert [event.label for event in events] == ["person"] * 6
