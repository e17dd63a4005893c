"""Inference on a Triton Inference Server or any other server with KServe's protocol.

Each detector decodes, gates and tracks its own camera; all share the one network that the server keeps on a GPU, and
the server batches their frames. The model's family is recognised by the inputs and outputs that the server describes.
The class names come from the parameter `metadata` of the model's configuration, where Ultralytics stores them for its
own Triton client.
"""

import ast
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from cctv.common.frame import Frame
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.families import recognise
from cctv.detectors.families.base import Head, NetworkInfo, TensorInfo
from cctv.detectors.inference_server import DATA_TYPES, InferenceServer, ServedModel, Tensor
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.network_metadata import metadata_of

STRIDE = 32
LARGEST_SIDE_PX = 640
"""Input size if the network accepts any."""


class TritonModel:
    """A model on a server; see `cctv.detectors.model.Model`. It recovers from outages by itself."""

    def __init__(self, server: InferenceServer, name: str) -> None:
        if not name:
            raise ModelInvalidError(
                "an inference server has many models: name one in the DetectorClass (spec.model), in VIGIL_MODEL,"
                " or in the camera's detection settings"
            )
        self._server, self.name = server, name
        found = server.describe(name)
        self._input, self._outputs = _input(name, found), found.outputs
        self._head = _head(name, found)
        self.labels = self._head.labels
        self._constants: list[tuple[Tensor, npt.NDArray[Any]]] = [
            (tensor, np.array(self._head.constants[tensor.name], np.int64))
            for tensor in found.inputs
            if tensor.name in self._head.constants
        ]
        # The server's precision is unknown; only the type of the transferred tensors is known.
        self.info = ModelInfo("triton", "server", "float16" if self._input.data_type == "FP16" else "float32")
        height, width = self._input.shape[2:]
        self._is_resizable = self._head.is_letterboxed and min(width, height) < 1
        self.input_size = (
            width if width > 0 else LARGEST_SIDE_PX,
            height if height > 0 else LARGEST_SIDE_PX,
        )

    def submit(self, frame: Frame) -> Future[Detections]:
        """Run in the calling thread: a camera has one frame in progress, and the server batches all cameras."""
        future: Future[Detections] = Future()
        try:
            future.set_result(self.detect(frame))
        except Exception as error:  # noqa: BLE001 - errors come out of the future
            future.set_exception(error)
        return future

    def detect(self, frame: Frame) -> Detections:
        """Return the detections. Raises `ModelUnavailableError` while the server is unreachable."""
        picture = frame.width, frame.height
        size = smallest_input(picture, self.input_size, STRIDE) if self._is_resizable else self.input_size
        letterbox = self._head.place(picture, size)
        image: npt.NDArray[Any] = self._planes(frame, letterbox, size)
        inputs = [(self._input, image), *self._constants]
        found = self._server.infer(self.name, inputs, [tensor.name for tensor in self._outputs])
        for tensor in self._outputs:
            _check_shape(self.name, tensor, found[tensor.name].shape)
        return self._head.decode({name: values[0] for name, values in found.items()}, letterbox)

    def check(self) -> None:
        """Raise `ModelUnavailableError` while inference is impossible."""
        self._server.check(self.name)

    def close(self) -> None:
        """Do nothing: others use the server as well."""

    def _planes(self, frame: Frame, letterbox: Letterbox, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        width, height = size
        canvas = np.full((height, width, 3), PADDING_GREY, np.uint8)
        canvas[: letterbox.height, : letterbox.width] = frame.scaled_rgb(letterbox.width, letterbox.height)
        mean, deviation = np.array(self._head.mean, np.float32), np.array(self._head.std, np.float32)
        values = np.multiply(canvas, np.float32(1 / 255), dtype=np.float32)
        if mean.any() or (deviation != 1.0).any():
            values = (values - mean) / deviation
        return values.transpose(2, 0, 1)[None]


def _input(name: str, found: ServedModel) -> Tensor:
    images = [tensor for tensor in found.inputs if len(tensor.shape) == 4]
    tensor = images[0] if len(images) == 1 and images[0].shape[1] in {3, -1} else None
    if tensor is None or tensor.data_type not in {"FP32", "FP16"}:
        raise ModelInvalidError(
            f"{name}: is no detection model: it must take one picture as (batch, 3, height, width), FP32 or FP16"
        )
    return tensor


def _head(name: str, found: ServedModel) -> Head:
    """Recognise the family by the server's description of the model."""
    metadata = metadata_of(name, _facts(found), {}, {})
    unknown = [each.name for each in (*found.inputs, *found.outputs) if each.data_type not in DATA_TYPES]
    if unknown:
        raise ModelInvalidError(f"{name}: {unknown[0]} must be FP32, FP16, INT64 or INT32")
    try:
        return recognise(NetworkInfo(_describe(found.inputs), _describe(found.outputs), metadata))
    except ModelInvalidError as error:
        if metadata.names:
            raise ModelInvalidError(f"{name}: {error}") from None
        raise ModelInvalidError(
            f"{name}: its configuration names no classes; add the export's metadata to config.pbtxt:"
            """ parameters { key: "metadata" value { string_value: "{'names': {0: 'person', 1: 'car'}}" } }"""
        ) from None


def _facts(found: ServedModel) -> dict[str, Any]:
    """Return Ultralytics' metadata; its `names` may be a nested JSON text."""
    try:
        facts = dict(ast.literal_eval(found.parameters["metadata"]))
        names = facts.get("names")
        if isinstance(names, str) and names.startswith(("{", "[")):
            facts["names"] = ast.literal_eval(names)
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return {}
    return facts


def _describe(tensors: tuple[Tensor, ...]) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(tensor.name, tensor.shape) for tensor in tensors)


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `ModelUnavailableError` if the model on the server was replaced by one of another shape."""
    is_alike = len(shape) == len(tensor.shape) and all(
        described in {-1, size} for described, size in zip(tensor.shape[1:], shape[1:], strict=True)
    )
    if not is_alike or shape[0] != 1:
        raise ModelUnavailableError(f"{name}: the output {tensor.name} must be {tensor.shape}, and is {shape}")
