"""Export weights to a fast format, OpenVINO INT8 or a TensorRT engine, with `ultralytics` and NNCF."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.ultralytics_runtime import import_ultralytics, set_prompts

Kind = Literal["openvino", "tensorrt"]

_TELLING = frozenset({"half", "int8", "quantize", "batch", "nms"})
"""Export settings to keep in the metadata; the others are folders of this machine."""


def export_weights(
    weights: Path, kind: Kind, pictures: Path, work: Path, *, size_px: int, prompts: Sequence[str] = ()
) -> Path:
    """Export `weights` (a `.pt` whose SHA-256 the caller has checked), calibrated on the JPEG files in `pictures`.

    Returns a folder (OpenVINO) or a file (`.engine`) within `work`. Raises `ModelInvalidError`.
    """
    torch, ultralytics = import_ultralytics(weights)
    if kind == "tensorrt" and not torch.cuda.is_available():
        raise ModelInvalidError(
            "--format tensorrt: an engine is built on the NVIDIA GPU that runs it; there is none here"
        )
    copy = work / weights.name
    shutil.copyfile(weights, copy)  # the export is written to the same folder
    data = work / "data.yaml"
    try:
        network = ultralytics.YOLO(str(copy), task="detect")
        if prompts:
            set_prompts(network, weights, tuple(prompts))
        names = {int(key): str(name) for key, name in network.names.items()}
        data.write_text(
            yaml.safe_dump(
                {"path": str(pictures.parent), "train": pictures.name, "val": pictures.name, "names": names}
            )
        )
        options: dict[str, Any] = {"int8": True, "data": str(data), "fraction": 1.0, "imgsz": size_px, "batch": 1}
        device = "cpu" if kind == "openvino" else "0"
        made = network.export(format="engine" if kind == "tensorrt" else kind, device=device, **options)
    except ModelInvalidError:
        raise
    except Exception as error:  # ultralytics, torch and NNCF may raise anything
        raise ModelInvalidError(f"{weights}: cannot be exported: {type(error).__name__}: {error}") from error
    path = Path(str(made))
    if path.is_dir():
        _tidy(path / "metadata.yaml")
    return path


def _tidy(metadata: Path) -> None:
    content = yaml.safe_load(metadata.read_text())
    content["args"] = {key: value for key, value in (content.get("args") or {}).items() if key in _TELLING}
    metadata.write_text(yaml.safe_dump(content, sort_keys=False))
