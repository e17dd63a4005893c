"""Client of inference servers: the Open Inference Protocol, version 2, over HTTP.

Protocol: https://github.com/kserve/open-inference-protocol (`GET /v2/models/…`, `POST …/infer`), with Triton's
extensions for tensors as bytes behind the JSON (`Inference-Header-Content-Length`) and for a model's configuration.
Triton's own client is not used: it is built on gevent, cannot be shared between threads and adds 55 MB of packages
for three kinds of requests.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import numpy.typing as npt

from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from vigil_contracts.api_client import uses_tls

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
REST_SECONDS = 1.0
"""After a failure, no camera sends requests to the server for this long."""
DATA_TYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "FP16": np.dtype("<f2"),
    "INT64": np.dtype("<i8"),
    "INT32": np.dtype("<i4"),
    "UINT8": np.dtype("u1"),
}
JSON_LENGTH = "Inference-Header-Content-Length"
CAMERA_HEADER = "X-Vigil-Camera"
"""Tells `cctv serve-model` whose frame it is, so that it can serve cameras in turn. Other servers ignore it."""

_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output as the server describes it; -1 in `shape`: any size."""

    name: str
    data_type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as the server describes it. `parameters`: Triton's additional configuration."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: dict[str, str]


class InferenceServer:
    """One server. Thread-safe; broken connections are reopened."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url.rstrip("/"), timeout=TIMEOUT, verify=uses_tls(url), follow_redirects=False
        )
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._rest_until, self._last_words = 0.0, ""

    def describe(self, name: str) -> ServedModel:
        """Return the description of a model. Raises `ModelUnavailableError` or, if unknown, `ModelInvalidError`."""
        path = f"/v2/models/{quote(name, safe='')}"
        about, configuration = self._describe(path, name), self._describe(f"{path}/config", name)
        try:
            return ServedModel(
                tuple(_tensor(each) for each in about["inputs"]),
                tuple(_tensor(each) for each in about["outputs"]),
                {key: str(each["string_value"]) for key, each in configuration.get("parameters", {}).items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ModelInvalidError(f"{name}: {self.url} does not describe it as KServe's protocol says") from None

    def check(self, name: str) -> None:
        """Raise `ModelUnavailableError` unless the model is ready."""
        answer = self._send("GET", f"/v2/models/{quote(name, safe='')}/ready")
        if answer.status_code != httpx.codes.OK:
            raise ModelUnavailableError(f"{name} is not ready on {self.url}: {_server_error(answer)}")

    def infer(
        self,
        name: str,
        inputs: Sequence[tuple[Tensor, npt.NDArray[Any]]],
        wanted: Sequence[str],
        camera: str = "",
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the outputs `wanted`, by name, for these inputs. Raises `ModelUnavailableError`.

        `camera`: id of the camera that the frame is of; empty: not known.
        """
        parts = [np.ascontiguousarray(values, DATA_TYPES[tensor.data_type]) for tensor, values in inputs]
        asked = {
            "inputs": [
                {
                    "name": tensor.name,
                    "shape": list(values.shape),
                    "datatype": tensor.data_type,
                    "parameters": {"binary_data_size": part.nbytes},
                }
                for (tensor, values), part in zip(inputs, parts, strict=True)
            ],
            "outputs": [{"name": output, "parameters": {"binary_data": True}} for output in wanted],
        }
        head = json.dumps(asked, separators=(",", ":")).encode()
        headers = {JSON_LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}
        if camera:
            headers[CAMERA_HEADER] = camera
        path = f"/v2/models/{quote(name, safe='')}/infer"
        answer = self._send("POST", path, content=b"".join((head, *(part.data for part in parts))), headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise ModelUnavailableError(f"{name} fails on {self.url}: {_server_error(answer)}")
        try:
            outputs = _outputs(answer)
            return {output: outputs[output] for output in wanted}
        except (KeyError, IndexError, TypeError, ValueError):
            raise ModelUnavailableError(
                f"{name}: {self.url} does not answer with the output {', '.join(wanted)} as a binary tensor"
            ) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _describe(self, path: str, name: str) -> dict[str, Any]:
        answer = self._send("GET", path)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ModelUnavailableError(f"{name}: {self.url} answers {answer.status_code}: {_server_error(answer)}")
        if answer.status_code != httpx.codes.OK:
            raise ModelInvalidError(
                f"{name}: the inference server {self.url} has no such model: {_server_error(answer)}"
            )
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ModelInvalidError(f"{name}: {self.url} is no inference server: {path} must be answered with JSON")
        return found

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._lock:
            if self._monotonic() < self._rest_until:
                raise ModelUnavailableError(self._last_words)
        try:
            return self._client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            # RuntimeError: the client was closed in the meantime because the program ends.
            words = str(error).strip() or type(error).__name__
            message = f"the inference server {self.url} does not answer: {words[:_MOST_WORDS]}"
            with self._lock:
                self._rest_until, self._last_words = self._monotonic() + REST_SECONDS, message
            raise ModelUnavailableError(message) from None


def _tensor(about: dict[str, Any]) -> Tensor:
    return Tensor(str(about["name"]), str(about["datatype"]), tuple(int(side) for side in about["shape"]))


def _outputs(answer: httpx.Response) -> dict[str, npt.NDArray[np.float32]]:
    """Return the tensors by name; they follow one another after the JSON."""
    begin = length = int(answer.headers[JSON_LENGTH])
    found = {}
    for about in json.loads(answer.content[:length])["outputs"]:
        size = int(about["parameters"]["binary_data_size"])
        if begin + size > len(answer.content):
            raise ValueError("cut short")
        data_type = DATA_TYPES[about["datatype"]]
        values = np.frombuffer(answer.content, data_type, size // data_type.itemsize, begin)
        found[about["name"]] = np.asarray(values.reshape(about["shape"]), np.float32)
        begin += size
    return found


def _server_error(answer: httpx.Response) -> str:
    """Return the server's message from `{"error": "…"}` on one line; the status if there is none."""
    try:
        words = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        words = ""
    return " ".join(words.split())[:_MOST_WORDS] or f"status {answer.status_code}"
