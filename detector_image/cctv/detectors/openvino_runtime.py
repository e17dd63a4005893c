"""Detection on OpenVINO, without torch: reads a network, compiles it for the size of the frames, runs it.

Cameras share one model. Each picture goes to a free inference request and the answer comes back as a future, so
that pictures of several cameras are worked on at the same time, each by a few threads, which costs less
processor time than all threads on one picture.
"""

import os
import queue
import threading
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov

from cctv.common.frame import Frame
from cctv.detectors.devices import CPU, OPENVINO_NAMES, checked_device, openvino_device
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.openvino_network import STRIDE, Network, last_line, read_network, with_input_size

MOST_SHAPES = 4
"""Compiled input sizes kept at once; pictures of further proportions use the full input. Each costs memory."""


class _Compiled:
    """The network for one input size, with its inference requests and their input buffers."""

    def __init__(
        self, core: ov.Core, network: Network, size: tuple[int, int], device: str, precision: dict[str, object]
    ) -> None:
        """`device` is OpenVINO's name; `precision` the option that asks for one, or nothing."""
        self.size, self._head, self._output_names = size, network.head, network.output_names
        streams = max(1, min(4, (os.cpu_count() or 1))) if device == "CPU" else 1
        options: dict[str, object] = {"PERFORMANCE_HINT": "THROUGHPUT"}
        if device == "CPU":
            options = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}
        self.compiled = core.compile_model(with_input_size(network, size), device, options | precision)
        self.free: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams if device == "CPU" else 4):
            request = self.compiled.create_infer_request()
            request.get_input_tensor().data[:] = PADDING_GREY
            self.free.put(request)

    def submit(self, frame: Frame) -> Future[Detections]:
        """Waits for a free request, fills its input in place and starts it."""
        future: Future[Detections] = Future()
        letterbox = self._head.place((frame.width, frame.height), self.size)
        request = self.free.get()
        try:
            pixels = request.get_input_tensor().data[0]
            pixels[: letterbox.height, : letterbox.width] = frame.scaled_rgb(letterbox.width, letterbox.height)
            # Another camera's picture may have been larger in this request.
            pixels[letterbox.height :] = PADDING_GREY
            pixels[:, letterbox.width :] = PADDING_GREY
            request.set_callback(partial(self._finish, request, letterbox), future)
            request.start_async()
        except BaseException:
            self.free.put(request)
            raise
        return future

    def _finish(self, request: ov.InferRequest, letterbox: Letterbox, future: Future[Detections]) -> None:
        """Runs in a thread of OpenVINO, which swallows exceptions: they go into the future."""
        try:
            outputs = {
                name: np.asarray(request.get_output_tensor(number).data[0])
                for number, name in enumerate(self._output_names)
            }
            detections = self._head.decode(outputs, letterbox)
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        else:
            future.set_result(detections)
        finally:
            self.free.put(request)


class OpenVinoModel:
    """A model on OpenVINO; see `cctv.detectors.model.Model`."""

    def __init__(self, path: Path, device: str = CPU, precision: str = "auto") -> None:
        self._core = ov.Core()
        self._core.set_property({"CACHE_DIR": ""})
        libraries = Path(ov.__file__).parent / "libs"
        device = openvino_device(checked_device(device, "openvino"), self._core.available_devices, libraries)
        self._device = OPENVINO_NAMES[device]
        self._precision = _precision_option(self._core, self._device, precision)
        network = read_network(self._core, path)
        self.info = ModelInfo("openvino", device, _precision_of(self._core, self._device, self._precision, network))
        self._unused: Network | None = network
        self.path = path
        self.labels = network.labels
        self.input_size = network.input_size
        self._resizable = network.resizable
        self._compiled: dict[tuple[int, int], _Compiled] = {}
        self._compiling = threading.Lock()

    def submit(self, frame: Frame) -> Future[Detections]:
        """Starts a detection; blocks while all inference requests are at work."""
        return self._for_frame(frame.width, frame.height).submit(frame)

    def detect(self, frame: Frame) -> Detections:
        """`submit` and wait."""
        return self.submit(frame).result()

    def prepare(self, width: int, height: int) -> None:
        """Compiles for pictures of this size now rather than with the first one."""
        self._for_frame(width, height)

    def bare_cpu_seconds(self, width: int, height: int, repetitions: int) -> float:
        """Processor time of the network alone for a picture of this size, for measurements."""
        request = self._for_frame(width, height).compiled.create_infer_request()
        request.infer()
        began = time.process_time()
        for _ in range(repetitions):
            request.infer()
        return (time.process_time() - began) / repetitions

    def close(self) -> None:
        """Gives the compiled networks back."""
        with self._compiling:
            self._compiled.clear()

    def _for_frame(self, width: int, height: int) -> _Compiled:
        size = self.input_size
        if self._resizable:
            size = smallest_input((width, height), self.input_size, STRIDE)
        compiled = self._compiled.get(size)
        if compiled is not None:
            return compiled
        with self._compiling:
            if len(self._compiled) >= MOST_SHAPES:
                size = self.input_size
            if size not in self._compiled:
                self._compiled[size] = self._compile(size)
            return self._compiled[size]

    def _compile(self, size: tuple[int, int]) -> _Compiled:
        # Read anew for each further size rather than kept: a network that waits uncompiled costs as much memory as
        # its weights.
        network, self._unused = self._unused or read_network(self._core, self.path), None
        try:
            return _Compiled(self._core, network, size, self._device, self._precision)
        except RuntimeError as error:
            there = ", ".join(self._core.available_devices)
            raise ModelInvalidError(
                f"{self.path}: OpenVINO cannot run it on {self._device} (devices here: {there}): {last_line(error)}"
            ) from error


_HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_CAPABILITIES = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}
"""OpenVINO's names, as hint and as capability of a device."""


def _precision_option(core: ov.Core, device: str, precision: str) -> dict[str, object]:
    """Return the option that asks for a precision. Raises `DeviceUnavailableError` where the device lacks it."""
    if precision == "auto":
        return {}
    there = [str(name) for name in core.get_property(device, "OPTIMIZATION_CAPABILITIES")]
    if _CAPABILITIES[precision] not in there:
        raise DeviceUnavailableError(
            f"precision {precision}: this device has {', '.join(there)}; leave precision out, or use another node"
        )
    return {"INFERENCE_PRECISION_HINT": _HINTS[precision]}


def _precision_of(core: ov.Core, device: str, option: dict[str, object], network: Network) -> str:
    """Return what the network is computed with: INT8 where it was quantised, else what the device takes."""
    if any(node.get_type_name() == "FakeQuantize" for node in network.model.get_ordered_ops()):
        return "int8"
    hint = option.get("INFERENCE_PRECISION_HINT") or _own_precision(core, device)
    return {theirs: ours for ours, theirs in _HINTS.items()}.get(str(hint), "float32")


def _own_precision(core: ov.Core, device: str) -> str:
    """Return what the device takes where nothing is asked for: processors with AMX take `bf16`, GPUs `f16`."""
    try:
        return str(core.get_property(device, "INFERENCE_PRECISION_HINT").get_type_name())
    except (RuntimeError, AttributeError):  # a plug-in without the property, or that leaves the choice open
        return ""
