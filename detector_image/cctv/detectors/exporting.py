"""Export weights to a fast format, OpenVINO INT8 or a TensorRT engine, with `ultralytics` and NNCF."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from cctv.detectors.engine_record import INSTALL_TENSORRT, UNTIL_TENSORRT, probe_host, record_path
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.ultralytics_runtime import import_ultralytics, set_prompts

Kind = Literal["openvino", "tensorrt"]

_TELLING = frozenset({"half", "int8", "quantize", "batch", "nms"})
"""Export settings to keep in the metadata; the others are folders of this machine."""


def export_weights(
    weights: Path, kind: Kind, pictures: Path, work: Path, *, size_px: int, prompts: Sequence[str] = ()
) -> Path:
    """Export `weights` (a `.pt` whose SHA-256 the caller has checked), calibrated on the JPEG files in `pictures`.

    Returns a folder (OpenVINO) or a file (`.engine`, with its record beside it) within `work`. Raises
    `ModelInvalidError`.
    """
    torch, ultralytics = import_ultralytics(weights)
    if kind == "tensorrt":
        _check_can_build_engines(torch)
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
        if kind == "tensorrt":  # it simplifies graphs itself; ultralytics would need onnxslim and onnxruntime for it
            options |= {"format": "engine", "device": "0", "simplify": False}
        else:
            options |= {"format": kind, "device": "cpu"}
        made = network.export(**options)
    except ModelInvalidError:
        raise
    except Exception as error:  # ultralytics, torch and NNCF may raise anything
        raise ModelInvalidError(f"{weights}: cannot be exported: {type(error).__name__}: {error}") from error
    path = Path(str(made))
    if path.is_dir():
        _tidy(path / "metadata.yaml")
    if kind == "tensorrt":
        record_path(path).write_text(probe_host(torch, 0).to_json(), encoding="utf-8")
    return path


def tensorrt_problem(version: str | None) -> str | None:
    """Return why this version of TensorRT cannot build an INT8 engine, and the remedy; None: it can.

    `version`: None where TensorRT is not installed.
    """
    if version is None:
        return f"TensorRT is not installed; run: {INSTALL_TENSORRT}"
    major = version.partition(".")[0]
    if major.isdigit() and int(major) >= UNTIL_TENSORRT:
        return f"TensorRT {version} cannot calibrate INT8 as the export does; run: {INSTALL_TENSORRT}"
    return None


def _check_can_build_engines(torch: Any) -> None:
    """Raises `ModelInvalidError` before the work begins, where it would fail at its end."""
    if not torch.cuda.is_available():
        raise ModelInvalidError(
            "--format tensorrt: an engine is built on the NVIDIA GPU that runs it; there is none here"
        )
    if problem := tensorrt_problem(_tensorrt_version()):
        raise ModelInvalidError(f"--format tensorrt: {problem}")


def _tensorrt_version() -> str | None:
    try:
        import tensorrt
    except ImportError:
        return None
    return str(tensorrt.__version__)


def _tidy(metadata: Path) -> None:
    content = yaml.safe_load(metadata.read_text())
    content["args"] = {key: value for key, value in (content.get("args") or {}).items() if key in _TELLING}
    metadata.write_text(yaml.safe_dump(content, sort_keys=False))
