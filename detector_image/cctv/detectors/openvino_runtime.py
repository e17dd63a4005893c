"""Inference on OpenVINO, without torch: read a network, compile it for the frame size, run it.

Cameras share one model. Each frame is passed to a free inference request and the result is a future. A model starts
with one stream of one thread: several threads on one frame cost more processor time. When a frame or region has to
wait, the network is compiled again with several streams. Each needs memory of its own, which a detector of one camera
with a small frame saves.
"""

import logging
import os
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov

from cctv.common.frame import Frame
from cctv.detectors import yolo_grids
from cctv.detectors.compiled_networks import CompiledNetworks, KnownNetwork
from cctv.detectors.cpu_instructions import choose_instructions
from cctv.detectors.devices import CPU, OPENVINO_NAMES, checked_device, openvino_device
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.families import recognise
from cctv.detectors.families.base import Head
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.openvino_head import can_cut, cut_head
from cctv.detectors.openvino_network import STRIDE, Network, last_line, read_network, with_input_size

log = logging.getLogger(__name__)

MOST_SHAPES = 4
"""Maximum number of compiled input sizes, since each takes memory; other aspect ratios use the full input."""


class _Compiled:
    """The network for one input size, with its inference requests and their input buffers."""

    def __init__(
        self,
        compiled: ov.CompiledModel,
        size: tuple[int, int],
        head: Head,
        output_names: tuple[str, ...],
        streams: int,
    ) -> None:
        """`output_names`: those that `head` expects, by index; `streams`: the number of frames at the same time."""
        self.compiled, self.size, self._head, self._output_names = compiled, size, head, output_names
        self.streams = streams
        self.free: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams):
            request = self.compiled.create_infer_request()
            request.get_input_tensor().data[:] = PADDING_GREY
            self.free.put(request)

    def submit(self, frame: Frame) -> Future[Detections]:
        """Wait for a free request, fill its input in place and start it."""
        future: Future[Detections] = Future()
        letterbox = self._head.place((frame.width, frame.height), self.size)
        request = self.free.get()
        try:
            pixels = request.get_input_tensor().data[0]
            pixels[: letterbox.height, : letterbox.width] = frame.scaled_rgb(letterbox.width, letterbox.height)
            # The previous frame in this request may have been larger.
            pixels[letterbox.height :] = PADDING_GREY
            pixels[:, letterbox.width :] = PADDING_GREY
            request.set_callback(partial(self._finish, request, letterbox), future)
            request.start_async()
        except BaseException:
            self.free.put(request)
            raise
        return future

    def _finish(self, request: ov.InferRequest, letterbox: Letterbox, future: Future[Detections]) -> None:
        """Complete the future. Runs in a thread of OpenVINO, which ignores exceptions, so they go into the future."""
        try:
            outputs = {
                name: np.asarray(request.get_output_tensor(number).data[0])
                for number, name in enumerate(self._output_names)
            }
            detections = self._head.decode(outputs, letterbox)
        except Exception as error:  # noqa: BLE001
            self.free.put(request)
            future.set_exception(error)
        else:
            # First: the next frame of a thread that waits for the result must find the request free.
            self.free.put(request)
            future.set_result(detections)


class OpenVinoModel:
    """A model on OpenVINO; see `cctv.detectors.model.Model`.

    `keep_compiled`: use compiled networks of earlier processes, and keep those of this one for later ones.
    """

    def __init__(
        self, path: Path, device: str = CPU, precision: str = "auto", *, keep_compiled: bool = False
    ) -> None:
        choose_instructions(path)
        self._core = ov.Core()
        self._core.set_property({"CACHE_DIR": ""})
        libraries = Path(ov.__file__).parent / "libs"
        # Listing the devices loads the plug-ins of GPUs and NPUs, which take 27 MB.
        device = openvino_device(checked_device(device, "openvino"), lambda: self._core.available_devices, libraries)
        self._device = OPENVINO_NAMES[device]
        self._options = _precision_option(self._core, self._device, precision)
        # Compiled networks of GPUs depend on their drivers, which OpenVINO's own cache would have to check.
        is_kept = keep_compiled and self._device == "CPU"
        self._kept = CompiledNetworks(self._core, path, self._device, precision) if is_kept else None
        self._unused: Network | None = None
        self._most_streams = _most_streams(self._device)
        self._streams = 1 if self._device == "CPU" else self._most_streams
        self.path = path
        known = self._known_network()
        self._head = recognise(known.info)
        self._output_names = tuple(tensor.name for tensor in known.info.outputs)
        self._is_cut = known.is_cut
        if known.is_cut:
            self._head, self._output_names = replace(self._head, decode=yolo_grids.decode), yolo_grids.OUTPUTS
        if known.is_quantised and precision == "auto":
            self._options |= _quantised_option(self._device)
        used = "int8" if known.is_quantised else _precision_of(self._core, self._device, self._options)
        self.info = ModelInfo("openvino", device, used)
        self.labels = self._head.labels
        self.input_size = known.input_size
        self._resizable = known.is_resizable
        self._compiled: dict[tuple[int, int], _Compiled] = {}
        self._compiling = threading.Lock()

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference; blocks while all inference requests are busy."""
        compiled = self._for_frame(*frame.full_size)  # a crop needs no further input size
        if compiled.streams < self._most_streams and compiled.free.empty():
            compiled = self._widen(compiled.size)
        return compiled.submit(frame)

    def detect(self, frame: Frame) -> Detections:
        """Call `submit` and wait for the result."""
        return self.submit(frame).result()

    def prepare(self, width: int, height: int) -> None:
        """Compile for this frame size now instead of with the first frame."""
        self._for_frame(width, height)

    def bare_cpu_seconds(self, width: int, height: int, repetitions: int) -> float:
        """Measure the processor time of the network alone for a frame of this size."""
        request = self._for_frame(width, height).compiled.create_infer_request()
        request.infer()
        began = time.process_time()
        for _ in range(repetitions):
            request.infer()
        return (time.process_time() - began) / repetitions

    def close(self) -> None:
        """Release the compiled networks."""
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

    def _known_network(self) -> KnownNetwork:
        """Return what an earlier process found out about the network, or read it."""
        if self._kept is not None and (known := self._kept.network()) is not None:
            return known
        network = self._unused = read_network(self._core, self.path)
        is_cut = self._device == "CPU" and can_cut(self._core, network.model)
        known = KnownNetwork(network.info, network.input_size, network.resizable, network.is_quantised, is_cut)
        if self._kept is not None:
            self._kept.keep_network(known)
        return known

    def _widen(self, size: tuple[int, int]) -> _Compiled:
        """Compile for all streams. Other cameras use the former network meanwhile, which ends with its last frame."""
        with self._compiling:
            if self._streams < self._most_streams:
                log.debug("%s: frames wait for each other; using %d streams", self.path, self._most_streams)
                self._streams = self._most_streams
            if self._compiled[size].streams < self._streams:
                self._compiled[size] = self._compile(size)
            return self._compiled[size]

    def _compile(self, size: tuple[int, int]) -> _Compiled:
        options = self._options | _stream_options(self._device, self._streams)
        compiled = self._kept.compiled(size, options) if self._kept is not None else None
        if compiled is None:
            compiled = self._compile_anew(size, options)
            if self._kept is not None:
                self._kept.keep_compiled(size, compiled)
        return _Compiled(compiled, size, self._head, self._output_names, self._streams)

    def _compile_anew(self, size: tuple[int, int], options: dict[str, object]) -> ov.CompiledModel:
        # Read again for each size: keeping an uncompiled network takes as much memory as its weights.
        network, self._unused = self._unused or read_network(self._core, self.path), None
        try:
            model = with_input_size(network, size)
            return self._core.compile_model(cut_head(model) if self._is_cut else model, self._device, options)
        except RuntimeError as error:
            there = ", ".join(self._core.available_devices)
            raise ModelInvalidError(
                f"{self.path}: OpenVINO cannot run it on {self._device} (devices here: {there}): {last_line(error)}"
            ) from error


def _most_streams(device: str) -> int:
    """Return the maximum number of inferences at the same time, and of threads on a CPU."""
    return max(1, min(4, (os.cpu_count() or 1))) if device == "CPU" else 4


def _stream_options(device: str, streams: int) -> dict[str, object]:
    """Return OpenVINO's options for this number of inferences at the same time."""
    if device != "CPU":
        return {"PERFORMANCE_HINT": "THROUGHPUT"}
    return {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}


def _quantised_option(device: str) -> dict[str, object]:
    """Return the precision of what an INT8 network leaves in floating point: its first layers and its output.

    Processors with AMX would compute it in bfloat16, so that machines would report different confidences.
    """
    return {"INFERENCE_PRECISION_HINT": "f32"} if device == "CPU" else {}


_HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_CAPABILITIES = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}
"""OpenVINO's names: the hint and the device capability."""


def _precision_option(core: ov.Core, device: str, precision: str) -> dict[str, object]:
    """Return OpenVINO's option for a precision. Raises `DeviceUnavailableError` if the device lacks it."""
    if precision == "auto":
        return {}
    there = [str(name) for name in core.get_property(device, "OPTIMIZATION_CAPABILITIES")]
    if _CAPABILITIES[precision] not in there:
        raise DeviceUnavailableError(
            f"precision {precision}: this device has {', '.join(there)}; leave precision out, or use another node"
        )
    return {"INFERENCE_PRECISION_HINT": _HINTS[precision]}


def _precision_of(core: ov.Core, device: str, option: dict[str, object]) -> str:
    """Return the precision in use for a network that is not quantised."""
    hint = option.get("INFERENCE_PRECISION_HINT") or _own_precision(core, device)
    return {theirs: ours for ours, theirs in _HINTS.items()}.get(str(hint), "float32")


def _own_precision(core: ov.Core, device: str) -> str:
    """Return the device's default precision: `bf16` for processors with AMX, `f16` for GPUs."""
    try:
        return str(core.get_property(device, "INFERENCE_PRECISION_HINT").get_type_name())
    except (RuntimeError, AttributeError):  # the plug-in has no such property, or leaves it undefined
        return ""
