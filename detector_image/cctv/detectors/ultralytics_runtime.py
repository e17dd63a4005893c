"""Inference with `ultralytics` (and torch): `.pt`, `.onnx` and TensorRT's `.engine`, mostly on a GPU.

One thread owns the network. It takes all waiting frames of all cameras as one batch: eight frames take a GPU little
more time than one.
"""

import logging
import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from cctv.common.frame import Frame
from cctv.detectors.cuda import cuda_index, cuda_problem, probe_cuda
from cctv.detectors.devices import AUTO, CPU, CUDA, checked_device
from cctv.detectors.engine_record import engine_precision, engine_problem, probe_host, read_record
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.model import DEFAULT_BATCH_SIZE, Detections, ModelInfo
from cctv.detectors.model_files import rebuild_advice
from cctv.detectors.yolo_output import LOWEST_CONFIDENCE, MOST_DETECTIONS, OVERLAP_FOR_DUPLICATE

log = logging.getLogger(__name__)

_Waiting = tuple[Frame, Future[Detections]]


class UltralyticsModel:
    """A model run by ultralytics; see `cctv.detectors.model.Model`. The caller has checked the file's SHA-256."""

    def __init__(
        self,
        path: Path,
        device: str = "",
        prompts: tuple[str, ...] = (),
        size_px: int = 640,
        precision: str = "auto",
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> None:
        self.path = path
        self._network, self._device = _open(path, device)
        self._half = _is_half(path, self._device, precision)
        self.info = ModelInfo("ultralytics", self._device, _precision(path, self._half))
        if prompts:
            set_prompts(self._network, path, prompts)
        names: dict[int, str] = self._network.names
        self.labels = tuple(str(names[key]) for key in sorted(names))
        self.input_size = (size_px, size_px)
        self._waiting: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._batch_size = 1 if path.suffix.lower() in {".onnx", ".engine"} else batch_size
        self._thread = threading.Thread(target=self._serve, name=f"model {path.name}", daemon=True)
        self._thread.start()

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference as part of the next batch."""
        return self.submit_batch([frame])[0]

    def submit_batch(self, frames: Sequence[Frame]) -> list[Future[Detections]]:
        """Start an inference of all frames in one batch, up to the largest batch size."""
        waiting: list[_Waiting] = [(frame, Future()) for frame in frames]
        self._waiting.put(waiting)
        return [future for _, future in waiting]

    def detect(self, frame: Frame) -> Detections:
        """Call `submit` and wait for the result."""
        return self.submit(frame).result()

    def close(self) -> None:
        """End the thread after the waiting frames."""
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def _serve(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            waiting, ends = self._gather(first)
            for start in range(0, len(waiting), self._batch_size):
                self._answer(waiting[start : start + self._batch_size])
            if ends:
                return

    def _answer(self, batch: list[_Waiting]) -> None:
        try:
            answers = self._detect_batch([frame for frame, _ in batch])
        except Exception as error:  # noqa: BLE001 - the waiting caller must get the error, and the thread go on
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)

    def _gather(self, first: list[_Waiting]) -> tuple[list[_Waiting], bool]:
        """Return what waits, to about one batch, and whether the model is being closed."""
        waiting = list(first)
        while len(waiting) < self._batch_size:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return waiting, True
            waiting.extend(more)
        return waiting, False

    def _detect_batch(self, frames: list[Frame]) -> list[Detections]:
        results = self._network.predict(
            [frame.bgr() for frame in frames],
            device=self._device,
            imgsz=self.input_size[0],
            half=self._half,
            conf=LOWEST_CONFIDENCE,
            iou=OVERLAP_FOR_DUPLICATE,
            max_det=MOST_DETECTIONS,
            verbose=False,
        )
        return [_detections(result) for result in results]


def import_ultralytics(path: Path) -> tuple[Any, Any]:
    """Return the modules `torch` and `ultralytics`, for the model at `path`. Raises `ModelInvalidError`."""
    # When it is imported, ultralytics resolves public names to learn whether it is online. Online, it posts usage to
    # Google Analytics, asks PyPI for a newer release and installs packages that are missing.
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(Path.home() / ".cache" / "vigil" / "ultralytics"))
    try:
        import torch
        import ultralytics
    except ImportError as error:
        raise ModelInvalidError(
            f"{path}: {path.suffix} models need the `ultralytics` extra, which is not installed here;"
            " use an OpenVINO export (`cctv export`) or install vigil-cctv[ultralytics]"
        ) from error
    return torch, ultralytics


def _open(path: Path, device: str) -> tuple[Any, str]:
    """Return the network and the device that it runs on."""
    device = checked_device(device, "ultralytics")
    torch, ultralytics = import_ultralytics(path)
    device = _usable_device(torch, device)
    if path.suffix.lower() == ".engine":
        _refuse_foreign_engine(torch, path, device)
    try:
        network = ultralytics.YOLO(str(path), task="detect")
    except Exception as error:  # ultralytics and torch raise whatever they like for a broken file
        raise ModelInvalidError(
            f"{path}: ultralytics cannot load it: {type(error).__name__}: {error}{rebuild_advice(path)}"
        ) from error
    return network, device


def _refuse_foreign_engine(torch: Any, path: Path, device: str) -> None:
    """Raises `ModelInvalidError` for an engine where there is no GPU, or with a record that does not fit this one."""
    if device == CPU:
        raise ModelInvalidError(
            f"{path}: a TensorRT engine runs on an NVIDIA GPU only; use a .pt file with device cpu"
        )
    recorded = read_record(path)
    if recorded is None:
        return
    if problem := engine_problem(recorded, probe_host(torch, cuda_index(device))):
        raise ModelInvalidError(f"{path}: {problem}{rebuild_advice(path)}")


def _usable_device(torch: Any, device: str) -> str:
    """Return `cpu` or `cuda:N`. Raises `DeviceUnavailableError` where a GPU that was asked for cannot be used."""
    if device == CPU:
        return CPU
    wanted = CUDA if device == AUTO else device
    problem = cuda_problem(wanted, probe_cuda(torch, wanted))
    if problem is None:
        return f"{CUDA}:{cuda_index(wanted)}"
    if device != AUTO:
        raise DeviceUnavailableError(f"device {device}: {problem}; or set device: cpu")
    log.warning("running on the processor: %s", problem)
    return CPU


def _is_half(path: Path, device: str, precision: str) -> bool:
    """Return whether to compute with 16 bit floats. Raises `ModelInvalidError` where that was asked for in vain.

    An engine has the precision that it was built with.
    """
    suffix = path.suffix.lower()
    if precision == "bfloat16":
        raise ModelInvalidError("precision bfloat16: needs runtime openvino and device cpu; use float16 or float32")
    if suffix == ".engine":
        built = engine_precision(path)
        if precision != "auto" and built and precision != built:
            raise ModelInvalidError(f"precision {precision}: {path} was built with {built}; leave the precision out")
        return built == "float16"
    can = device != CPU and suffix != ".onnx"
    if precision == "float16" and not can:
        what = "an .onnx file" if suffix == ".onnx" else "a processor"
        raise ModelInvalidError(f"precision float16: not with {what}; leave it out, or use a GPU and a .pt file")
    return can and precision != "float32"


def _precision(path: Path, is_half: bool) -> str:
    """Return the precision that the model runs in; empty: an engine whose maker does not say."""
    if path.suffix.lower() == ".engine":
        return engine_precision(path)
    return "float16" if is_half else "float32"


def set_prompts(network: Any, path: Path, prompts: tuple[str, ...]) -> None:
    """Set the prompts of an open-vocabulary network. Raises `ModelInvalidError`."""
    if not hasattr(network, "set_classes") or not hasattr(network.model, "set_classes"):
        raise ModelInvalidError(f"{path}: is no open-vocabulary model; `prompts` need one such as yolov8s-worldv2.pt")
    if list(network.names.values()) == list(prompts):
        return  # they were built in when it was exported or saved
    try:
        network.set_classes(list(prompts))
    except ImportError as error:
        raise ModelInvalidError(
            f"{path}: `prompts` need CLIP, which turns words into what the network understands and is not installed"
            " here; install it from https://github.com/ultralytics/CLIP, or give a model that was saved with them"
        ) from error
    except Exception as error:  # whatever CLIP's download and torch raise
        raise ModelInvalidError(
            f"{path}: CLIP, which `prompts` need, cannot be loaded: {type(error).__name__}: {error};"
            " fetch its weights where there is a network, or give a model that was saved with the prompts"
        ) from error


def _detections(result: Any) -> Detections:
    boxes = result.boxes
    order = np.argsort(-boxes.conf.cpu().numpy(), kind="stable")
    return Detections(
        np.clip(boxes.xyxyn.cpu().numpy().astype(np.float32)[order], 0.0, 1.0),
        boxes.conf.cpu().numpy().astype(np.float32)[order],
        boxes.cls.cpu().numpy().astype(np.int32)[order],
    )
