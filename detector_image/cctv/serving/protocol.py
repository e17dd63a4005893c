"""The messages of KServe's Open Inference Protocol, version 2, for detection models. No input or output.

Protocol: https://github.com/kserve/open-inference-protocol, with Triton's extension "Binary tensor data": tensors as
bytes behind the JSON, whose length is in the header `Inference-Header-Content-Length`.

A model takes `image`: (batch, height, width, 3), UINT8, RGB, of any size. It returns `detections`, see
`cctv.detectors.served_detections`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cctv.common.frame import Image
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.served_detections import HEAD, INPUT_NAME, OUTPUT_NAME, SHAPE, encode

DATA_TYPE = "UINT8"
VERSION = "1"
LARGEST_SIDE_PX = 4096
MOST_JSON_BYTES = 4 * 1024 * 1024
"""Of the JSON part: Python needs about eight times as much for an image in it."""


class RequestError(Exception):
    """A request that cannot be served. The message names the field and the right form."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _InputParameters(_Message):
    binary_data_size: int | None = Field(default=None, ge=0, strict=True)


class _OutputParameters(_Message):
    binary_data: bool | None = None


class _RequestParameters(_Message):
    binary_data_output: bool = False


class _Input(_Message):
    name: str
    shape: tuple[int, ...] = Field(min_length=4, max_length=4)
    datatype: str
    parameters: _InputParameters = _InputParameters()
    data: list[Any] | None = None


class _Output(_Message):
    name: str
    parameters: _OutputParameters = _OutputParameters()


class _Request(_Message):
    id: str | None = Field(default=None, max_length=256)
    inputs: tuple[_Input, ...] = Field(min_length=1, max_length=1)
    outputs: tuple[_Output, ...] = Field(default=(), max_length=1)
    parameters: _RequestParameters = _RequestParameters()


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A checked inference request."""

    images: npt.NDArray[np.uint8]
    """(batch, height, width, 3), RGB; a view of the request's body where it was sent as bytes."""
    request_id: str | None
    is_binary: bool
    """Whether the answer's tensor is wanted as bytes."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model as the server describes it."""

    name: str
    labels: tuple[str, ...]
    input_size: tuple[int, int]
    info: ModelInfo
    max_batch: int

    def metadata(self) -> dict[str, Any]:
        """Return the answer to `GET /v2/models/<name>`."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": f"vigil_{self.info.runtime}",
            "inputs": [{"name": INPUT_NAME, "datatype": DATA_TYPE, "shape": [-1, -1, -1, 3]}],
            "outputs": [{"name": OUTPUT_NAME, "datatype": "FP32", "shape": [-1, *SHAPE]}],
        }

    def configuration(self) -> dict[str, Any]:
        """Return the answer to `GET /v2/models/<name>/config`, Triton's "Model configuration" extension."""
        width, height = self.input_size
        facts = {"names": dict(enumerate(self.labels)), "head": HEAD, "imgsz": [height, width]}
        parameters = {
            "metadata": repr(facts),
            "runtime": self.info.runtime,
            "device": self.info.device,
            "precision": self.info.precision,
        }
        return {
            "name": self.name,
            "platform": f"vigil_{self.info.runtime}",
            "max_batch_size": self.max_batch,
            "input": [{"name": INPUT_NAME, "data_type": f"TYPE_{DATA_TYPE}", "dims": [-1, -1, 3]}],
            "output": [{"name": OUTPUT_NAME, "data_type": "TYPE_FP32", "dims": list(SHAPE)}],
            "parameters": {key: {"string_value": value} for key, value in parameters.items()},
        }


def parse_infer_request(body: bytes, json_length: int | None, max_batch: int) -> InferRequest:
    """Return the request in `body`, whose first `json_length` bytes (None: all) are JSON. Raises `RequestError`."""
    length = len(body) if json_length is None else json_length
    if not 0 < length <= len(body):
        raise RequestError(f"Inference-Header-Content-Length must be 1 to the length of the body, not {length}")
    if length > MOST_JSON_BYTES:
        raise RequestError(
            f"the JSON may have {MOST_JSON_BYTES} bytes; send the image as binary tensor data",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
    try:
        request = _Request.model_validate_json(body[:length])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the JSON"
        raise RequestError(f"{where}: {first['msg']}") from None
    wanted = request.outputs[0] if request.outputs else None
    if wanted is not None and wanted.name != OUTPUT_NAME:
        raise RequestError(f"outputs.0.name: the only output is {OUTPUT_NAME!r}, not {wanted.name[:64]!r}")
    is_binary = request.parameters.binary_data_output
    if wanted is not None and wanted.parameters.binary_data is not None:
        is_binary = wanted.parameters.binary_data
    return InferRequest(_images(request.inputs[0], body, length, max_batch), request.id, is_binary)


def encode_infer_response(model: str, request: InferRequest, found: Sequence[Detections]) -> tuple[bytes, int | None]:
    """Return the body of the answer, and the length of its JSON where bytes follow it."""
    values = np.stack([encode(detections) for detections in found])
    output: dict[str, Any] = {"name": OUTPUT_NAME, "datatype": "FP32", "shape": list(values.shape)}
    answer: dict[str, Any] = {"model_name": model, "model_version": VERSION, "outputs": [output]}
    if request.request_id is not None:
        answer["id"] = request.request_id
    if not request.is_binary:
        output["data"] = values.ravel().tolist()
        return json.dumps(answer, separators=(",", ":")).encode(), None
    output["parameters"] = {"binary_data_size": values.nbytes}
    head = json.dumps(answer, separators=(",", ":")).encode()
    return head + values.astype("<f4", copy=False).tobytes(), len(head)


def _images(given: _Input, body: bytes, begin: int, max_batch: int) -> npt.NDArray[np.uint8]:
    if given.name != INPUT_NAME:
        raise RequestError(f"inputs.0.name: the only input is {INPUT_NAME!r}, not {given.name[:64]!r}")
    if given.datatype != DATA_TYPE:
        raise RequestError(f"inputs.0.datatype must be {DATA_TYPE}, not {given.datatype[:16]!r}")
    batch, height, width, channels = given.shape
    if channels != 3 or not (0 < height <= LARGEST_SIDE_PX and 0 < width <= LARGEST_SIDE_PX):
        raise RequestError(
            f"inputs.0.shape must be (batch, height, width, 3) with sides of 1 to {LARGEST_SIDE_PX} pixels"
        )
    if not 0 < batch <= max_batch:
        raise RequestError(f"inputs.0.shape: the batch must be 1 to {max_batch} images, not {batch}")
    size = batch * height * width * 3
    stated = given.parameters.binary_data_size
    if stated is None:
        return _from_json(given.data, size).reshape(given.shape)
    if stated != size or len(body) - begin != size:
        raise RequestError(
            f"inputs.0: its shape needs {size} bytes; {stated} are stated, {len(body) - begin} were sent"
        )
    return np.frombuffer(body, np.uint8, size, begin).reshape(given.shape)


def _from_json(data: list[Any] | None, size: int) -> Image:
    """Return the values of a flat or nested list."""
    if data is None:
        raise RequestError("inputs.0: needs `data`, or `parameters.binary_data_size` and the bytes behind the JSON")
    try:
        values = np.asarray(data).ravel()
    except ValueError:
        values = np.empty(0)
    if len(values) != size:
        raise RequestError(f"inputs.0.data: the shape needs {size} values in equally long rows, not {len(values)}")
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
        raise RequestError("inputs.0.data: must be whole numbers from 0 to 255")
    return values.astype(np.uint8)
