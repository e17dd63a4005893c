"""`.pt` weights in ultralytics' format, created once and stored in the user's cache (`kept_inputs`).

The published `yolov8n.pt` is not part of the test data. `real.pt` has the values of the published network,
taken from its INT8 export in VIGIL_SHARED, so that it finds what YOLOv8n finds.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import yaml
from tests.integration.services.kept_inputs import kept

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
ARCHITECTURES = ("yolov8n", "yolov8s", "yolo11n", "yolo11s")
NEEDED = "needs bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt"
_PROGRAM = Path(__file__).with_name("make_weights.py")
_LOCK = ROOT / "locks" / "ultralytics.txt"


def ensure_weights(shared: Path) -> Path:
    """Return the folder that `make_weights.py` has filled; without `real.pt` where VIGIL_SHARED has no YOLOv8n."""
    export = shared / "models" / "yolov8n_int8_openvino_model"
    sources = (Path(__file__), _PROGRAM, _LOCK, *sorted(export.glob("yolov8n.*")))
    return kept("made-weights", sources, lambda folder: _make(folder, export))


def _make(folder: Path, export: Path) -> None:
    if export.is_dir():
        weights: dict[str, Any] = _weights_of(ov.Core().read_model(export / "yolov8n.xml"))
        np.savez(folder / "real.npz", **weights)
        names = yaml.safe_load((export / "metadata.yaml").read_text())["names"]
        (folder / "names.json").write_text(json.dumps(names))
    environment = {**os.environ, "YOLO_OFFLINE": "true", "CUDA_VISIBLE_DEVICES": ""}
    command = [str(PYTHON), str(_PROGRAM), str(folder), *ARCHITECTURES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def _weights_of(network: ov.Model) -> dict[str, npt.NDArray[np.float32]]:
    """Return the convolution weights of an INT8 export in float32, by ultralytics' module names."""
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
