"""An inference server for the tests: KServe's protocol, version 2, over HTTP, with Triton's binary tensors.

The network is real (run by OpenVINO); batching is not implemented, and no test needs it. Triton's own client works
with it, too: responses equal Triton's, including error texts.

    with inference_server({"demo": DEMO_FOLDER}) as server:
        TritonModel(InferenceServer(server.url), "demo")
        server.stop(); server.start()      # away, and back on the same port
"""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import openvino as ov
from tests.cluster.processes import free_ports

from cctv.detectors.openvino_network import read_network

DATA_TYPES = {"FP32": np.float32, "FP16": np.float16, "INT64": np.int64}
JSON_LENGTH = "Inference-Header-Content-Length"


class RefusalError(Exception):
    """Sent as a status with `{"error": …}`."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class ServedNetwork:
    """One model. `data_type`: of its tensors; `metadata`: the exporter's metadata in its configuration."""

    def __init__(self, folder: Path, data_type: str = "FP32", metadata: str | None = None) -> None:
        core = ov.Core()
        network = read_network(core, folder if folder.is_file() else next(folder.glob("*.xml")))
        self.labels = network.labels
        self.data_type = data_type
        self.metadata = str({"names": dict(enumerate(network.labels))}) if metadata is None else metadata
        self.input_shape = [-1, 3, network.input_size[1], network.input_size[0]]
        self.output_shape = [-1, *(side.get_length() for side in network.model.outputs[0].get_partial_shape()[1:])]
        self._compiled = core.compile_model(network.model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1})
        self._lock = threading.Lock()

    def describe(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "versions": ["1"],
            "platform": "openvino",
            "inputs": [{"name": "images", "datatype": self.data_type, "shape": self.input_shape}],
            "outputs": [{"name": "output0", "datatype": self.data_type, "shape": self.output_shape}],
        }

    def configuration(self, name: str) -> dict[str, Any]:
        parameters = {"metadata": {"string_value": self.metadata}} if self.metadata else {}
        return {"name": name, "max_batch_size": 8, "parameters": parameters}

    def infer(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self._lock:
            found = [self._compiled(picture[None].astype(np.float32))[0] for picture in values["images"]]
        return {"output0": np.concatenate(found).astype(DATA_TYPES[self.data_type])}


class ServedGraph:
    """A model with arbitrary inputs and outputs, for one image at a time."""

    def __init__(self, model: ov.Model, metadata: str) -> None:
        self.metadata = metadata
        self._inputs, self._outputs = _described(model.inputs), _described(model.outputs)
        self._compiled = ov.Core().compile_model(model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1})
        self._lock = threading.Lock()

    def describe(self, name: str) -> dict[str, Any]:
        return {"name": name, "platform": "openvino", "inputs": self._inputs, "outputs": self._outputs}

    def configuration(self, name: str) -> dict[str, Any]:
        parameters = {"metadata": {"string_value": self.metadata}} if self.metadata else {}
        return {"name": name, "max_batch_size": 1, "parameters": parameters}

    def infer(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self._lock:
            found = self._compiled(values)
        return {about["name"]: np.array(found[about["name"]]) for about in self._outputs}


def _described(tensors: Any) -> list[dict[str, Any]]:
    types = {"f32": "FP32", "i64": "INT64"}
    return [
        {
            "name": tensor.get_any_name(),
            "datatype": types[tensor.get_element_type().get_type_name()],
            "shape": [-1, *(side.get_length() for side in tensor.get_partial_shape()[1:])],
        }
        for tensor in tensors
    ]


class StandInServer:
    """Answers on one port; `asked` counts the images by model."""

    def __init__(self, models: Mapping[str, ServedNetwork | ServedGraph]) -> None:
        self.models = dict(models)
        self.asked: Counter[str] = Counter()
        (self.port,) = free_ports(1)
        self._connections: set[socket.socket] = set()
        self._is_away = True
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        owner = self
        self._is_away = False

        class Handler(_Handler):
            server_of_models = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="inference-server")
        self._thread.start()

    def stop(self) -> None:
        """Stop as if killed: open connections break."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._is_away = True
        for connection in list(self._connections):
            _break(connection)
        self._server.server_close()
        self._thread.join(10)
        self._server = None

    def opened(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        if self._is_away:  # it was accepted just before the stop
            _break(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def get(self, path: str) -> dict[str, Any]:
        """Return the response to a GET, or raise `RefusalError`."""
        if path in {"/v2/health/live", "/v2/health/ready"}:
            return {}
        found = re.fullmatch(r"/v2/models/([^/]+)(/versions/1)?(/config|/ready)?", path)
        if found is None:
            raise RefusalError(404, "Not Found")
        name = found[1]
        if found[3] == "/ready":
            if name not in self.models:
                _unknown(name)
            return {}
        model = self.models.get(name)
        if model is None:
            _unknown(name)
        return model.configuration(name) if found[3] == "/config" else model.describe(name)

    def infer(self, path: str, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the response to an inference, or raise `RefusalError`."""
        found = re.fullmatch(r"/v2/models/([^/]+)(/versions/1)?/infer", path)
        if found is None or found[1] not in self.models:
            _unknown(found[1] if found else path)
        name, model = found[1], self.models[found[1]]
        values = _values(name, model.describe(name)["inputs"], head["inputs"], data)
        self.asked[name] += len(values["images"])
        outputs = {output: np.ascontiguousarray(found) for output, found in model.infer(values).items()}
        types = {np.dtype(kind): data_type for data_type, kind in DATA_TYPES.items()}
        about = [
            {
                "name": output,
                "datatype": types[found.dtype],
                "shape": list(found.shape),
                "parameters": {"binary_data_size": found.nbytes},
            }
            for output, found in outputs.items()
        ]
        data = b"".join(found.tobytes() for found in outputs.values())
        return {"model_name": name, "model_version": "1", "outputs": about}, data


def _values(
    name: str, described: list[dict[str, Any]], given: list[dict[str, Any]], data: bytes
) -> dict[str, np.ndarray]:
    """Return the inputs of a request, consecutive in `data`; raises `RefusalError` for malformed ones."""
    values, begin = {}, 0
    for each in given:
        expected = next((one for one in described if one["name"] == each["name"]), None)
        if expected is None:
            raise RefusalError(400, f"unexpected inference input '{each['name']}' for model '{name}'")
        if each["datatype"] != expected["datatype"]:
            raise RefusalError(
                400, f"inference input '{each['name']}' data-type is '{each['datatype']}', but must be another"
            )
        size = each["parameters"]["binary_data_size"]
        if list(each["shape"][1:]) != expected["shape"][1:] or begin + size > len(data):
            raise RefusalError(400, f"unexpected shape for input '{each['name']}' for model '{name}'")
        part = np.frombuffer(data[begin : begin + size], DATA_TYPES[each["datatype"]])
        values[each["name"]] = part.reshape(each["shape"])
        begin += size
    if begin != len(data) or len(values) != len(described):
        raise RefusalError(400, f"expected {len(described)} inputs but got {len(values)} inputs for model '{name}'")
    return values


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _unknown(name: str) -> NoReturn:
    raise RefusalError(400, f"Request for unknown model: '{name}' is not found")


class _Handler(BaseHTTPRequestHandler):
    server_of_models: StandInServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server_of_models.opened(self.connection)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()
        self.server_of_models.closed(self.connection)

    def handle(self) -> None:
        with suppress(OSError):  # the server was stopped in the meantime
            super().handle()

    def do_GET(self) -> None:
        try:
            self._answer(200, json.dumps(self.server_of_models.get(self.path)).encode())
        except RefusalError as refusal:
            self._answer(refusal.status, json.dumps({"error": str(refusal)}).encode())

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        length = int(self.headers.get(JSON_LENGTH, len(content)))
        try:
            head, data = self.server_of_models.infer(self.path, json.loads(content[:length]), content[length:])
        except RefusalError as refusal:
            self._answer(refusal.status, json.dumps({"error": str(refusal)}).encode())
            return
        text = json.dumps(head).encode()
        self._answer(200, text + data, {JSON_LENGTH: str(len(text)), "Content-Type": "application/octet-stream"})

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def inference_server(models: Mapping[str, Path | ServedNetwork]) -> Iterator[StandInServer]:
    """Run a server."""
    made = {
        name: found if isinstance(found, ServedNetwork) else ServedNetwork(found) for name, found in models.items()
    }
    server = StandInServer(made)
    server.start()
    try:
        yield server
    finally:
        server.stop()
