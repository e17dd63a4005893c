"""ONNX files of the families' own exporters on the OpenVINO runtime."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from tests.integration.services.kept_inputs import kept

from cctv.common.frame import Frame
from cctv.detectors.loader import load_model
from cctv.detectors.openvino_network import Network, read_network, resize

ROOT = Path(__file__).parents[4]
PYTHON = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
_PROGRAM = Path(__file__).with_name("export_families.py")
FULL, WIDE = (128, 128), (128, 64)
"""(width, height)."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(500),
    pytest.mark.skipif(not PYTHON.exists(), reason="bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt"),
]


@pytest.fixture(scope="module")
def exports() -> Path:
    """Return a folder with a folder for each network: `model.onnx`, and `expected.npz` with what torch computes."""
    return kept("exported-families", [_PROGRAM, ROOT / "locks" / "ultralytics.txt"], _export)


def _export(folder: Path) -> None:
    environment = {**os.environ, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [PYTHON, _PROGRAM, folder], env=environment, capture_output=True, text=True, check=False, timeout=450
    )
    assert done.returncode == 0, done.stderr[-3000:]


def network_of(exports: Path, name: str) -> Network:
    return read_network(ov.Core(), exports / name / "model.onnx")


def computed(exports: Path, name: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first output of OpenVINO and of torch for the same image."""
    expected = np.load(exports / name / "expected.npz")
    network = network_of(exports, name)
    model = resize(network, size) if network.resizable else network.model
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(expected[f"image{size[1]}"])[0]), expected[f"output{size[1]}"]


@pytest.mark.parametrize(
    ("name", "family", "is_resizable"),
    [
        ("yolov8n", "YOLOv8, YOLO11, YOLO12, YOLO26", True),
        ("yolov8n-dynamic", "YOLOv8, YOLO11, YOLO12, YOLO26", True),
        ("yolo11n", "YOLOv8, YOLO11, YOLO12, YOLO26", True),
        ("yolo12n", "YOLOv8, YOLO11, YOLO12, YOLO26", False),
        ("yolo26n-raw", "YOLOv8, YOLO11, YOLO12, YOLO26", True),
        ("yolo26n", "YOLO26 end-to-end", False),
        ("yolov8n-nms", "YOLO26 end-to-end", False),
        ("rt-detr", "RT-DETR", False),
        ("rf-detr", "RF-DETR", False),
    ],
)
def test_an_export_is_recognised_by_its_outputs(exports: Path, name: str, family: str, is_resizable: bool) -> None:
    network = network_of(exports, name)
    assert network.head.family == family
    assert network.resizable is is_resizable


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, size) for name in ("yolov8n", "yolo11n", "yolo26n-raw", "yolov8n-dynamic") for size in (FULL, WIDE)),
        ("yolo12n", FULL),
    ],
)
def test_values_equal_torchs_at_each_size(exports: Path, name: str, size: tuple[int, int]) -> None:
    """An ONNX file has one size, which is changed for frames of another aspect ratio."""
    ours, theirs = computed(exports, name, size)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["yolo26n", "rt-detr"])
def test_detections_equal_torchs(exports: Path, name: str) -> None:
    ours, theirs = computed(exports, name, FULL)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours[..., 4], theirs[..., 4], atol=1e-3)
    # Nearly equal scores may change their order: the ten best boxes must be among the others'.
    for box in ours[0, :10, :4]:
        assert np.abs(theirs[0, :, :4] - box).max(axis=1).min() < 0.02


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (300, 300)])
@pytest.mark.parametrize(
    "name", ["yolov8n", "yolo11n", "yolo12n", "yolo26n", "yolov8n-nms", "yolov8n-dynamic", "rt-detr"]
)
def test_frames_of_any_proportions_run(exports: Path, name: str, width: int, height: int) -> None:
    model = load_model(exports / name / "model.onnx")
    try:
        frame = Frame.from_bgr(np.full((height, width, 3), 90, np.uint8), datetime.now(UTC), 0.0, 0)
        found = model.detect(frame)
        assert name == "rt-detr" or len(found) == 0, "untrained weights are sure of nothing"
        assert np.all((found.boxes >= 0.0) & (found.boxes <= 1.0))
    finally:
        model.close()


@pytest.mark.parametrize("name", ["rf-detr", "d-fine"])
def test_boxes_of_detr_exports_are_right_in_the_frame(exports: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(exports / name, tmp_path / name)
    if name == "d-fine":
        (folder / "metadata.yaml").write_text("names: coco\n")
    model = load_model(folder)
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[90:270, 160:480, 2] = 255
    try:
        found = model.detect(Frame.from_bgr(picture, datetime.now(UTC), 0.0, 0))
    finally:
        model.close()
    assert [model.labels[number] for number in found.class_ids] == ["car"]
    np.testing.assert_allclose(found.boxes, [[0.25, 0.25, 0.75, 0.75]], atol=0.02)
