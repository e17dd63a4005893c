"""`.pt` weights run on OpenVINO without torch, and give what ultralytics gives."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
import yaml
from tests.integration.detector.vision.clips import PERSONS, RememberingModel, sampled
from tools.image.fetch_model import put_model

from cctv.detectors import model_files
from cctv.detectors.loader import load_model
from cctv.detectors.model_files import Published
from cctv.detectors.weights_archive import read_weights
from cctv.detectors.yolo_builder import build_network
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration

ROOT = Path(__file__).parents[4]
PYTHON = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
ARCHITECTURES = ("yolov8n", "yolov8s", "yolo11n", "yolo11s")
LARGEST_DIFFERENCE = 1e-3
"""Between our output and that of ultralytics, before non-maximum suppression: pixels for boxes, 0 to 1 for scores."""

MAKE_WEIGHTS = """
import json, sys
from pathlib import Path
import numpy as np, torch
from ultralytics import YOLO

folder, architectures = Path(sys.argv[1]), sys.argv[2].split()
torch.manual_seed(1)
picture = torch.rand(1, 3, 640, 640)
np.save(folder / "picture.npy", picture.numpy())
for architecture in architectures:
    yolo = YOLO(f"{architecture}.yaml")
    yolo.model.names = {number: f"kind {number}" for number in range(80)}
    for module in yolo.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.5, 0.5)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    for branch in yolo.model.model[-1].cv3:
        branch[-1].bias.data.uniform_(-2.0, 2.0)
    yolo.save(folder / f"{architecture}.pt")
    loaded = YOLO(folder / f"{architecture}.pt").model.float().eval()
    with torch.no_grad():
        np.save(folder / f"{architecture}.npy", loaded(picture)[0].numpy())
    assert loaded.names[7] == "kind 7"

real = folder / "real.npz"
if real.exists():
    yolo, weights = YOLO("yolov8n.yaml"), np.load(real)
    yolo.model.names = {int(key): name for key, name in json.loads((folder / "names.json").read_text()).items()}
    for name, module in yolo.model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            bias = weights[f"{name.removesuffix('.bn')}.conv.bias"]
            module.weight.data[:] = (1.0 + module.eps) ** 0.5
            module.bias.data[:] = torch.from_numpy(bias)
        elif isinstance(module, torch.nn.Conv2d) and ".dfl." not in name:
            module.weight.data[:] = torch.from_numpy(weights[f"{name}.weight"])
            if module.bias is not None:
                module.bias.data[:] = torch.from_numpy(weights[f"{name}.bias"])
    yolo.save(folder / "real.pt")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not PYTHON.exists(), reason="bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt"),
    pytest.mark.xdist_group("converted-weights"),
]


def _weights_of(network: ov.Model) -> dict[str, npt.NDArray[np.float32]]:
    """The convolutions' weights of an INT8 export, in float32, by the names that ultralytics gives the modules."""
    found = {}
    for node in network.get_ordered_ops():
        name = node.get_friendly_name()
        if node.get_type_name() != "Convolution" or ".dfl." in name:
            continue
        module = name.removeprefix("__module.").partition("/")[0]
        weights = ov.Model([node.input_value(1)], [], "weights")
        found[f"{module}.weight"] = ov.Core().compile_model(weights, "CPU")([])[0]
        add = next(iter(node.output(0).get_target_inputs())).get_node()
        bias = ov.Model([add.input_value(1)], [], "bias")
        found[f"{module}.bias"] = ov.Core().compile_model(bias, "CPU")([])[0].ravel()
    return found


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights files made by ultralytics, with its own output for one picture beside each."""
    path = tmp_path_factory.mktemp("weights")
    real = shared / "models" / "yolov8n_int8_openvino_model"
    if real.is_dir():
        weights: dict[str, Any] = _weights_of(ov.Core().read_model(real / "yolov8n.xml"))
        np.savez(path / "real.npz", **weights)
        names = yaml.safe_load((real / "metadata.yaml").read_text())["names"]
        (path / "names.json").write_text(json.dumps(names))
    environment = {**os.environ, "YOLO_OFFLINE": "true", "CUDA_VISIBLE_DEVICES": ""}
    command = [str(PYTHON), "-c", MAKE_WEIGHTS, str(path), " ".join(ARCHITECTURES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return path


@pytest.fixture
def image_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model folder of an image for processors, from weights that stand for the published ones."""
    if not (folder / "real.pt").is_file():
        pytest.skip("needs YOLOv8n on COCO as OpenVINO network in VIGIL_SHARED")
    models = folder / "image"
    models.mkdir()
    weights = shutil.copy(folder / "real.pt", models / "yolov8n.pt")
    sha256 = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
    monkeypatch.setitem(model_files.PUBLISHED, "yolov8n", Published("https://nowhere.invalid/", sha256))
    monkeypatch.setenv("VIGIL_MODEL_FETCH", "0")  # as in the images
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(models))
    return models


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_output_is_that_of_ultralytics(folder: Path, architecture: str) -> None:
    weights = folder / f"{architecture}.pt"
    network = build_network(read_weights(weights), weights)
    precision = {"INFERENCE_PRECISION_HINT": "f32"}  # processors with AMX would choose bf16
    output = ov.Core().compile_model(network, "CPU", precision)(np.load(folder / "picture.npy"))[0]
    expected = np.load(folder / f"{architecture}.npy")
    assert output.shape == expected.shape == (1, 84, 8400)
    assert expected[:, 4:].std() > 0.1, "the scores differ, so that equality says something"
    assert float(np.abs(output - expected).max()) < LARGEST_DIFFERENCE


def test_six_people_are_six_events_with_weights_that_were_converted(
    folder: Path,
    shared: Path,
    camera: Callable[..., CameraConfiguration],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not (folder / "real.pt").is_file():
        pytest.skip("needs YOLOv8n on COCO as OpenVINO network in VIGIL_SHARED")
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(folder / "models"))
    model = load_model(folder / "real.pt")
    assert model.labels[0] == "person"
    analyser = Analyser(camera(classes=["person"]), RememberingModel(model))
    frames = sampled(shared / "videos" / PERSONS, 3.0)
    events = [event for frame in frames for event in analyser.process(frame)]
    model.close()
    assert [event.label for event in events] == ["person"] * 6
    kept = list((folder / "models" / "converted").iterdir())
    assert [path.name for path in kept[0].iterdir()].count("network.xml") == len(kept) == 1


def test_six_people_with_no_model_named_in_an_image(
    image_models: Path, shared: Path, camera: Callable[..., CameraConfiguration]
) -> None:
    """What the image's build makes of the pinned weights is what a camera that names no model gets."""
    put_model("yolov8n", image_models, as_openvino=True)
    files = {path.relative_to(image_models).as_posix() for path in image_models.rglob("*") if path.is_file()}
    assert files == {"yolov8n_openvino_model/yolov8n.xml", "yolov8n_openvino_model/yolov8n.bin"}
    assert sum((image_models / file).stat().st_size for file in files) < 8_000_000
    model = load_model("")
    analyser = Analyser(camera(classes=["person"]), RememberingModel(model))
    events = [event for frame in sampled(shared / "videos" / PERSONS, 3.0) for event in analyser.process(frame)]
    model.close()
    assert [event.label for event in events] == ["person"] * 6
