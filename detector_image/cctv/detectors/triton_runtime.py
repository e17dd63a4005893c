"""YOLOv8 on a Triton Inference Server, or any other that speaks KServe's protocol.

Many detectors decode, gate and track, each with its own camera, and share the one copy of the network that the server
keeps on a GPU; the server puts their pictures together into batches. The server says what it has: one input of
pictures (N, 3, height, width), red-green-blue from 0.0 to 1.0, as exports to ONNX and TensorRT take them, one output
as `cctv.detectors.yolo_output` reads it, and the classes' names where Ultralytics keeps them for its own Triton
client: the parameter `metadata` of the model's configuration.
"""

import ast
from concurrent.futures import Future

import numpy as np
import numpy.typing as npt

from cctv.common.frame import Frame
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.inference_server import DATA_TYPES, InferenceServer, ServedModel, Tensor
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.yolo_output import decode

STRIDE = 32
LARGEST_SIDE_PX = 640
"""Of the input, where the network takes any size."""


class TritonModel:
    """A model on a server; see `cctv.detectors.model.Model`. A server that was away is simply asked again."""

    def __init__(self, server: InferenceServer, name: str) -> None:
        if not name:
            raise ModelInvalidError(
                "an inference server has many models: name one in the DetectorClass (spec.model), in VIGIL_MODEL,"
                " or in the camera's detection settings"
            )
        self._server, self.name = server, name
        found = server.describe(name)
        self.labels = _labels(name, found)
        self._input, self._output = _input(name, found), _output(name, found, len(self.labels))
        # How the server computes is its own affair; what travels is what is known of it.
        self.info = ModelInfo("triton", "server", "float16" if self._input.data_type == "FP16" else "float32")
        height, width = self._input.shape[2:]
        self._is_resizable = min(width, height) < 1
        self.input_size = (
            width if width > 0 else LARGEST_SIDE_PX,
            height if height > 0 else LARGEST_SIDE_PX,
        )

    def submit(self, frame: Frame) -> Future[Detections]:
        """Detects in the calling thread: a camera has one picture under way, and the server joins the cameras'."""
        future: Future[Detections] = Future()
        try:
            future.set_result(self.detect(frame))
        except Exception as error:  # noqa: BLE001 - errors come out of the future
            future.set_exception(error)
        return future

    def detect(self, frame: Frame) -> Detections:
        """Raises `ModelUnavailableError` while the server does not answer."""
        picture = frame.width, frame.height
        size = smallest_input(picture, self.input_size, STRIDE) if self._is_resizable else self.input_size
        letterbox = Letterbox.fit(picture, size)
        values = self._server.infer(self.name, self._input, self._planes(frame, letterbox, size), self._output.name)
        if values.ndim != 3 or values.shape[0] != 1 or values.shape[1] != 4 + len(self.labels):
            raise ModelUnavailableError(
                f"{self.name}: the output must be (1, {4 + len(self.labels)}, anchors), and is {values.shape}"
            )
        return decode(values[0], letterbox)

    def check(self) -> None:
        """Raises `ModelUnavailableError` while pictures cannot be looked at."""
        self._server.check(self.name)

    def close(self) -> None:
        """Nothing: the server is others' too."""

    def _planes(self, frame: Frame, letterbox: Letterbox, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        width, height = size
        canvas = np.full((height, width, 3), PADDING_GREY, np.uint8)
        canvas[: letterbox.height, : letterbox.width] = frame.scaled_rgb(letterbox.width, letterbox.height)
        return np.multiply(canvas.transpose(2, 0, 1)[None], np.float32(1 / 255), dtype=np.float32)


def _input(name: str, found: ServedModel) -> Tensor:
    tensor = found.inputs[0] if len(found.inputs) == 1 else None
    is_right = tensor is not None and len(tensor.shape) == 4 and tensor.shape[1] in {3, -1}
    if tensor is None or not is_right or tensor.data_type not in DATA_TYPES:
        raise ModelInvalidError(
            f"{name}: is no detection model: it must take one picture as (batch, 3, height, width), FP32 or FP16"
        )
    return tensor


def _output(name: str, found: ServedModel, classes: int) -> Tensor:
    tensor = found.outputs[0] if len(found.outputs) == 1 else None
    if tensor is None or len(tensor.shape) != 3 or tensor.shape[1] not in {4 + classes, -1}:
        raise ModelInvalidError(
            f"{name}: is no YOLOv8 detection model of {classes} classes: its one output must be"
            f" (batch, {4 + classes}, anchors); export it without `nms=True`"
        )
    return tensor


def _labels(name: str, found: ServedModel) -> tuple[str, ...]:
    """The classes' names, by class id."""
    try:
        names = ast.literal_eval(found.parameters["metadata"])["names"]
        names = ast.literal_eval(names) if isinstance(names, str) else names
        return tuple(str(names[each]) for each in range(len(names)))
    except (KeyError, SyntaxError, TypeError, ValueError):
        raise ModelInvalidError(
            f"{name}: its configuration names no classes; add the export's metadata to config.pbtxt:"
            """ parameters { key: "metadata" value { string_value: "{'names': {0: 'person', 1: 'car'}}" } }"""
        ) from None
