"""The OpenVINO runtime on a real network."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from tests.bench.detector import vigil_worker
from tests.bench.image_settings import memory_settings
from tests.integration.detector.clips import PERSONS, frames_of

from cctv.common.frame import Frame
from cctv.detectors.cpu_instructions import VARIABLE
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from cctv.detectors.model_pool import Models


@pytest.fixture(scope="module")
def person(shared: Path) -> Frame:
    return next(islice(frames_of(shared / "videos" / PERSONS), 130, None))


def frame_of(picture: np.ndarray) -> Frame:
    return Frame.from_bgr(picture, datetime.now(UTC), 0.0, 0)


def test_person_is_detected(model: Model, person: Frame) -> None:
    found = model.detect(person)
    assert model.labels[found.class_ids[0]] == "person"
    assert found.confidences[0] > 0.85
    np.testing.assert_allclose(found.boxes[0], [0.50, 0.04, 0.68, 0.91], atol=0.03)


@pytest.mark.parametrize(("width", "height"), [(768, 432), (1920, 1080), (640, 480), (500, 500)])
def test_frames_of_any_aspect_ratio_give_the_same_boxes(model: Model, person: Frame, width: int, height: int) -> None:
    """A person pasted into a grey canvas of another aspect ratio is detected at that place."""
    canvas = np.full((height, width, 3), 114, np.uint8)
    scale = min(width / 768, height / 432)
    pasted = cv2.resize(person.bgr(), (round(768 * scale), round(432 * scale)))
    canvas[: pasted.shape[0], : pasted.shape[1]] = pasted
    found = model.detect(frame_of(canvas))
    share = np.array([pasted.shape[1] / width, pasted.shape[0] / height] * 2)
    assert model.labels[found.class_ids[0]] == "person"
    np.testing.assert_allclose(found.boxes[0], np.array([0.50, 0.04, 0.68, 0.91]) * share, atol=0.04)


def test_concurrent_cameras_get_their_own_results(model: Model, person: Frame) -> None:
    empty = frame_of(np.full((432, 768, 3), 90, np.uint8))
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(model.detect, [person, empty] * 12))
    assert all(len(answer) >= 1 for answer in answers[::2])
    assert all(len(answer) == 0 for answer in answers[1::2])


def test_class_names_that_do_not_fit_the_network_are_rejected(model_folder: Path, tmp_path: Path) -> None:
    for name in ("yolov8n.xml", "yolov8n.bin"):
        shutil.copyfile(model_folder / name, tmp_path / name)
    (tmp_path / "metadata.yaml").write_text("names: {0: person}\n")
    with pytest.raises(
        ModelInvalidError, match=r"its metadata names 1 classes, so its output must be \(1, 5, anchors\)"
    ):
        load_model(tmp_path)


def test_missing_device_error_names_the_remedy(model_folder: Path) -> None:
    if "GPU" in ov.Core().available_devices:
        pytest.skip("needs a machine without a GPU that OpenVINO knows")
    with pytest.raises(DeviceUnavailableError, match=r"device intel-gpu: .* or set device: cpu"):
        Models(str(model_folder), device="intel-gpu").get("")


def test_an_unknown_device_is_refused(model_folder: Path) -> None:
    with pytest.raises(ModelInvalidError, match="no such device; use cpu, cuda"):
        load_model(model_folder, device="abacus")


MOST_MEGABYTES = 210
"""190 were measured with the packages of the image; this environment has some more."""


def test_memory_of_a_detector_with_one_camera(shared: Path, model_folder: Path, tmp_path: Path) -> None:
    """The second start counts: it finds the network compiled."""
    worker, clip = vigil_worker.__file__, shared / "videos" / PERSONS
    command = [sys.executable, worker, str(clip), str(model_folder), "5", "1", "1"]
    environment = {**os.environ, **memory_settings(), "VIGIL_MODEL_DIR": str(tmp_path)}
    ended = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2)]
    assert json.loads(ended[-1].stdout)["resident_megabytes"] < MOST_MEGABYTES


def test_small_int8_network_computes_without_amx(model_folder: Path, tmp_path: Path) -> None:
    """In a process of its own: oneDNN reads the limit once. On other processors this holds anyway."""
    code = """
import sys
from cctv.detectors.openvino_runtime import OpenVinoModel
model = OpenVinoModel(__import__("pathlib").Path(sys.argv[1]), keep_compiled=True)
model.prepare(320, 192)
(compiled,) = model._compiled.values()
print(*{node.get_rt_info()["primitiveType"].astype(str) for node in compiled.compiled.get_runtime_model().get_ops()})
"""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["VIGIL_MODEL_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", code, str(model_folder / "yolov8n.xml")]
    for _ in range(2):  # compiled, and then read from the disk
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "conv" in done.stdout
        assert "amx" not in done.stdout
        assert not done.stderr
