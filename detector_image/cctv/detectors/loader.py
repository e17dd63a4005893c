"""Load a model by path or name, with the runtime for its type of file."""

import importlib.util
import logging
import os
from pathlib import Path

from cctv.detectors.devices import checked_device
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.model import DEFAULT_BATCH_SIZE, Model
from cctv.detectors.model_files import MODEL_SUFFIXES, ModelFile, find_model, runtime_problem

log = logging.getLogger(__name__)

_GPU_DEVICES = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/dxg", "/dev/kfd")))
"""Device files of the GPU drivers that torch supports: NVIDIA, Jetson, WSL and AMD."""
_USUAL_SIZE_PX = 640


def load_model(
    name: str | Path = "",
    *,
    runtime: str = "",
    device: str = "",
    precision: str = "auto",
    sha256: str | None = None,
    prompts: tuple[str, ...] = (),
    size_px: int = _USUAL_SIZE_PX,
    int8: bool = False,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> Model:
    """Load a model by path or name, with the runtime for its type of file.

    `demo` names the demo model that ships with Vigil. Published names such as `yolov8n` (also used for `""`) are
    looked up in the model folder and downloaded if missing. `runtime`: `openvino` or `ultralytics`; empty: depends on
    the type of file and the installed packages. `device` is one of `cctv.detectors.devices`, `precision` `auto`,
    `float32`, `float16` or `bfloat16`. `size_px` is the input size for networks that accept any. `int8`: replace a
    network that was converted from weights by an INT8 one (`cctv.detectors.int8_upgrade`). `batch_size`: the maximum
    number of frames that ultralytics analyses together. Raises `ModelInvalidError`; `DeviceUnavailableError` if the
    device is the cause.
    """
    if runtime:
        checked_device(device, runtime)
    if runtime == "ultralytics" and not _has_ultralytics():
        raise ModelInvalidError(
            "runtime ultralytics: it is not installed here; use the image vigil-detector-gpu, or runtime openvino"
        )
    file = find_model(name, sha256, runtime)
    suffix = file.path.suffix.lower()
    if suffix not in MODEL_SUFFIXES:
        raise ModelInvalidError(
            f"{file.path}: is no model: it must be an OpenVINO folder or .xml, or a file .onnx, .engine or .pt"
        )
    if not runtime and suffix == ".pt" and _has_ultralytics() and not _needs_torch(device, prompts, size_px):
        try:
            return _load_converted(file.path, device, precision, int8)
        except DeviceUnavailableError:
            raise
        except ModelInvalidError as error:  # not YOLOv8 or YOLO11
            log.info("running the model with ultralytics: %s", error)
    runtime = runtime or _runtime_for(suffix)
    if problem := runtime_problem(file.path, runtime):
        raise ModelInvalidError(problem)
    if runtime == "ultralytics":
        return _ultralytics(file, device, precision, prompts, size_px, batch_size)
    _refuse_prompts(file.path, prompts)
    if suffix == ".pt":
        return _load_converted(file.path, device, precision, int8)
    return _openvino(file.path, device, precision)


def _openvino(path: Path, device: str, precision: str) -> Model:
    from cctv.detectors.openvino_runtime import OpenVinoModel

    return OpenVinoModel(path, device, precision, keep_compiled=True)


def _load_converted(weights: Path, device: str, precision: str, int8: bool) -> Model:
    """Load weights on OpenVINO, without torch. No code of the file is executed, so no pinned SHA-256 is needed."""
    from cctv.detectors.converted_weights import convert_weights

    device = checked_device(device, "openvino")  # before the expensive conversion
    network = convert_weights(weights)
    if not int8 or precision != "auto":
        return _openvino(network, device, precision)
    from cctv.detectors.int8_upgrade import with_int8

    return with_int8(network, device)


def _refuse_prompts(path: Path, prompts: tuple[str, ...]) -> None:
    if prompts:
        raise ModelInvalidError(
            f"{path}: `prompts` need an open-vocabulary model such as yolov8s-worldv2.pt, and ultralytics to run it"
        )


def _ultralytics(
    file: ModelFile, device: str, precision: str, prompts: tuple[str, ...], size_px: int, batch_size: int
) -> Model:
    if file.path.suffix.lower() == ".pt" and file.sha256 is None:
        raise ModelInvalidError(
            f"{file.path}: a .pt file can run any code when it is loaded, so it needs its SHA-256 pinned:"
            " VIGIL_MODEL_SHA256 for VIGIL_MODEL, VIGIL_MODEL_PINS for models that cameras name;"
            " or use an ONNX or OpenVINO export"
        )
    from cctv.detectors.ultralytics_runtime import UltralyticsModel

    return UltralyticsModel(file.path, device, prompts, size_px, precision, batch_size)


def _runtime_for(suffix: str) -> str:
    """Return the default runtime for a type of file: ultralytics if it is installed and supports the file."""
    if suffix == ".engine":
        return "ultralytics"
    can = suffix == ".pt" or (suffix == ".onnx" and importlib.util.find_spec("onnxruntime") is not None)
    return "ultralytics" if can and _has_ultralytics() else "openvino"


def _needs_torch(device: str, prompts: tuple[str, ...], size_px: int) -> bool:
    """Return whether torch is configured, or is faster here: without a GPU, OpenVINO is."""
    if prompts or size_px != _USUAL_SIZE_PX or device == "cpu" or device.startswith("cuda"):
        return True
    return device in {"", "auto"} and _has_gpu()


def _has_gpu() -> bool:
    """Return whether torch may find a GPU, without importing torch, which takes seconds and 200 MB."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        return False
    return any(device.exists() for device in _GPU_DEVICES)


def _has_ultralytics() -> bool:
    return importlib.util.find_spec("ultralytics") is not None
