"""YOLOv8 on OpenVINO, without torch: reads an exported network, compiles it for the pictures at hand, runs it.

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
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections
from cctv.detectors.openvino_network import STRIDE, Network, last_words, read_network, with_input_size
from cctv.detectors.yolo_output import decode

MOST_SHAPES = 4
"""Compiled input sizes kept at once; pictures of further proportions use the full input. Each costs memory."""


class _Compiled:
    """The network for one input size, with its inference requests and their input buffers."""

    def __init__(self, core: ov.Core, network: ov.Model, size: tuple[int, int], device: str) -> None:
        self.size = size
        streams = max(1, min(4, (os.cpu_count() or 1))) if device == "CPU" else 1
        options: dict[str, object] = {"PERFORMANCE_HINT": "THROUGHPUT"}
        if device == "CPU":
            options = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}
        self.compiled = core.compile_model(network, device, options)
        self.free: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams if device == "CPU" else 4):
            request = self.compiled.create_infer_request()
            request.get_input_tensor().data[:] = PADDING_GREY
            self.free.put(request)

    def submit(self, frame: Frame) -> Future[Detections]:
        """Waits for a free request, fills its input in place and starts it."""
        future: Future[Detections] = Future()
        letterbox = Letterbox.fit((frame.width, frame.height), self.size)
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
            detections = decode(np.asarray(request.get_output_tensor(0).data[0]), letterbox)
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        else:
            future.set_result(detections)
        finally:
            self.free.put(request)


class OpenVinoModel:
    """A model on OpenVINO; see `cctv.detectors.model.Model`."""

    def __init__(self, path: Path, device: str = "CPU") -> None:
        self._core = ov.Core()
        self._core.set_property({"CACHE_DIR": ""})
        if device not in {"CPU", "GPU", "NPU", "AUTO"}:
            raise ModelInvalidError(f"device {device!r}: OpenVINO runs on CPU, GPU, NPU or AUTO")
        self._device = device
        network = read_network(self._core, path)
        self._unused: Network | None = network
        self.path = path
        self.labels = network.labels
        self.input_size = network.input_size
        self._resizable = network.resizable
        self._compiled: dict[tuple[int, int], _Compiled] = {}
        self._compiling = threading.Lock()

    def submit(self, frame: Frame) -> Future[Detections]:
        """Starts a detection; blocks while all inference requests are at work."""
        return self._for_picture(frame.width, frame.height).submit(frame)

    def detect(self, frame: Frame) -> Detections:
        """`submit` and wait."""
        return self.submit(frame).result()

    def prepare(self, width: int, height: int) -> None:
        """Compiles for pictures of this size now rather than with the first one."""
        self._for_picture(width, height)

    def bare_cpu_seconds(self, width: int, height: int, repetitions: int) -> float:
        """Processor time of the network alone for a picture of this size, for measurements."""
        request = self._for_picture(width, height).compiled.create_infer_request()
        request.infer()
        began = time.process_time()
        for _ in range(repetitions):
            request.infer()
        return (time.process_time() - began) / repetitions

    def close(self) -> None:
        """Gives the compiled networks back."""
        with self._compiling:
            self._compiled.clear()

    def _for_picture(self, width: int, height: int) -> _Compiled:
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
            return _Compiled(self._core, with_input_size(network, size), size, self._device)
        except RuntimeError as error:
            there = ", ".join(self._core.available_devices)
            raise ModelInvalidError(
                f"{self.path}: OpenVINO cannot run it on {self._device} (devices here: {there}): {last_words(error)}"
            ) from error
