"""Inference on a Triton Inference Server or any other server with KServe's protocol.

Each detector decodes, gates and tracks its own camera; all share the one network that the server keeps on a GPU, and
the server batches their frames. The model's family is recognised by the inputs and outputs that the server describes.
The class names come from the parameter `metadata` of the model's configuration, where Ultralytics stores them for its
own Triton client.
"""

import ast
import copy
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cctv.common.frame import WHOLE, Frame
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.families import recognise
from cctv.detectors.families.base import Head, Metadata, NetworkInfo, TensorInfo
from cctv.detectors.inference_server import DATA_TYPES, InferenceServer, ServedModel, Tensor
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.network_metadata import metadata_of
from cctv.detectors.served_detections import served_head

STRIDE = 32
_PRECISIONS = {"FP16": "float16", "FP32": "float32"}
"""By the type of the input, if the server does not state its precision."""
LARGEST_SIDE_PX = 640
"""Input size if the network accepts any."""
_MOST_REGIONS_AT_ONCE = 32
"""Of all cameras of the process; threads are only started when they are needed."""


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
        metadata = metadata_of(name, _facts(found), {}, {})
        self._head = _head(name, found, metadata)
        self._camera = ""
        self._regions = ThreadPoolExecutor(_MOST_REGIONS_AT_ONCE, thread_name_prefix="regions")
        self.labels = self._head.labels
        self._constants: list[tuple[Tensor, npt.NDArray[Any]]] = [
            (tensor, np.array(self._head.constants[tensor.name], np.int64))
            for tensor in found.inputs
            if tensor.name in self._head.constants
        ]
        precision = found.parameters.get("precision") or _PRECISIONS.get(self._input.data_type, "")
        self.info = ModelInfo("triton", "server", precision or "float32")
        self._takes_pixels = self._input.data_type == "UINT8"
        height, width = self._input.shape[1:3] if self._takes_pixels else self._input.shape[2:]
        self._is_resizable = self._head.is_letterboxed and min(width, height) < 1
        usual = metadata.input_size or (LARGEST_SIDE_PX, LARGEST_SIDE_PX)
        self.input_size = width if width > 0 else usual[0], height if height > 0 else usual[1]

    def for_camera(self, camera_id: int) -> Self:
        """Return this model for the frames of one camera: a server of Vigil serves cameras in turn."""
        model = copy.copy(self)
        model._camera = str(camera_id)
        return model

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference. The regions of a frame are sent at the same time, so that the server can batch them.

        A whole frame runs in the calling thread: a camera has one in progress, and the server batches all cameras.
        """
        if frame.region != WHOLE:
            return self._regions.submit(self.detect, frame)
        future: Future[Detections] = Future()
        try:
            future.set_result(self.detect(frame))
        except Exception as error:  # noqa: BLE001 - errors come out of the future
            future.set_exception(error)
        return future

    def detect(self, frame: Frame) -> Detections:
        """Return the detections. Raises `ModelUnavailableError` while the server is unreachable."""
        size = smallest_input(frame.full_size, self.input_size, STRIDE) if self._is_resizable else self.input_size
        letterbox = self._head.place((frame.width, frame.height), size)
        image = self._pixels(frame, letterbox, size) if self._takes_pixels else self._planes(frame, letterbox, size)
        inputs = [(self._input, image), *self._constants]
        found = self._server.infer(self.name, inputs, [tensor.name for tensor in self._outputs], self._camera)
        for tensor in self._outputs:
            _check_shape(self.name, tensor, found[tensor.name].shape)
        return self._head.decode({name: values[0] for name, values in found.items()}, letterbox)

    def check(self) -> None:
        """Raise `ModelUnavailableError` while inference is impossible."""
        self._server.check(self.name)

    def close(self) -> None:
        """End the threads; others use the server as well."""
        self._regions.shutdown(wait=False)

    def _pixels(self, frame: Frame, letterbox: Letterbox, size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return (1, height, width, 3), uint8, RGB: a quarter of the bytes of float32."""
        scaled: npt.NDArray[Any] = frame.scaled_rgb(letterbox.width, letterbox.height)
        if (letterbox.width, letterbox.height) == size or not self._head.is_padded:
            return scaled[None]
        canvas = np.full((size[1], size[0], 3), PADDING_GREY, np.uint8)
        canvas[: letterbox.height, : letterbox.width] = scaled
        return canvas[None]

    def _planes(self, frame: Frame, letterbox: Letterbox, size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return (1, 3, height, width), float32, RGB, normalised as the family wants it."""
        canvas = self._pixels(frame, letterbox, size)[0]
        mean, deviation = np.array(self._head.mean, np.float32), np.array(self._head.std, np.float32)
        values: npt.NDArray[Any] = np.multiply(canvas, np.float32(1 / 255), dtype=np.float32)
        if mean.any() or (deviation != 1.0).any():
            values = (values - mean) / deviation
        return values.transpose(2, 0, 1)[None]


def _input(name: str, found: ServedModel) -> Tensor:
    images = [tensor for tensor in found.inputs if len(tensor.shape) == 4]
    tensor = images[0] if len(images) == 1 else None
    if tensor is not None and tensor.data_type in {"FP32", "FP16"} and tensor.shape[1] in {3, -1}:
        return tensor
    if tensor is not None and tensor.data_type == "UINT8" and tensor.shape[3] == 3:
        return tensor
    raise ModelInvalidError(
        f"{name}: is no detection model: it must take one image, as (batch, 3, height, width) in FP32 or FP16, or as"
        " (batch, height, width, 3) in UINT8"
    )


def _head(name: str, found: ServedModel, metadata: Metadata) -> Head:
    """Recognise the family by the server's description of the model."""
    unknown = [each.name for each in (*found.inputs, *found.outputs) if each.data_type not in DATA_TYPES]
    if unknown:
        raise ModelInvalidError(f"{name}: {unknown[0]} must be FP32, FP16, INT64, INT32 or UINT8")
    info = NetworkInfo(_describe(found.inputs), _describe(found.outputs), metadata)
    try:
        return served_head(info) or recognise(info)
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
