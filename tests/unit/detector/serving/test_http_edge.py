"""The server over real connections: paths, statuses, limits, and an end that fails no request."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from tests.cluster.polling import eventually
from tests.unit.detector.serving.models import FakeModel, found

from cctv.common.frame import Frame
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.inference_server import CAMERA_HEADER, JSON_LENGTH, InferenceServer
from cctv.detectors.model import ModelInfo
from cctv.detectors.triton_runtime import TritonModel
from cctv.serving.batcher import BatchOptions
from cctv.serving.http_edge import InferenceHttpServer
from cctv.serving.metrics import ServingMetrics
from cctv.serving.service import STUCK_AFTER_SECONDS, Service

MAX_BODY = 2 * 1024 * 1024
Ask = Callable[..., httpx.Response]


class Running:
    """A server with a fake model, and a client."""

    def __init__(self, *, max_connections: int = 16, sender_limit: int = 2) -> None:
        self.model, self.metrics = FakeModel(), ServingMetrics()
        options = BatchOptions(2, 0.0, 5.0, queue_limit=8, sender_limit=sender_limit)
        self.service = Service({"yolov8n": self.model}, {"yolov8n": options}, self.metrics)
        self.http = InferenceHttpServer(
            "127.0.0.1", 0, self.service, max_body_bytes=MAX_BODY, max_connections=max_connections
        )
        self.url = f"http://127.0.0.1:{self.http.port}"
        self.http.start()
        self.client = httpx.Client(base_url=self.url, timeout=10, verify=False)

    def infer(self, value: int, camera: str = "", name: str = "yolov8n") -> httpx.Response:
        image = np.full((1, 2, 2, 3), value, np.uint8)
        given = {"name": "image", "shape": [1, 2, 2, 3], "datatype": "UINT8"}
        head = json.dumps({"inputs": [given | {"parameters": {"binary_data_size": image.nbytes}}]}).encode()
        headers = {JSON_LENGTH: str(len(head))} | ({CAMERA_HEADER: camera} if camera else {})
        return self.client.post(f"/v2/models/{name}/infer", content=head + image.tobytes(), headers=headers)

    def requests(self, outcome: str) -> float:
        labels = {"model": "yolov8n", "outcome": outcome}
        return self.metrics.registry.get_sample_value("vigil_inference_server_requests_total", labels) or 0.0

    def close(self) -> None:
        self.model.is_held = False
        self.model.release()
        self.client.close()
        self.http.close(5.0)
        self.service.close()


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.close()


def error_of(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/json"
    return str(answer.json()["error"])


def test_health_and_descriptions_follow_the_protocol(running: Running) -> None:
    answers: dict[str, Any] = {}
    paths = ("", "/health/live", "/health/ready", "/models/yolov8n", "/models/yolov8n/versions/1/ready")
    for path in (*paths, "/models/yolov8n/config"):
        answer = running.client.get(f"/v2{path}")
        assert answer.status_code == 200, (path, answer.text)
        answers[path] = answer.json()
    assert answers[""]["extensions"] == ["binary_tensor_data", "model_configuration"]
    assert answers["/models/yolov8n"]["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert answers["/models/yolov8n/config"]["max_batch_size"] == 2


def test_detector_gets_detections_and_reads_how_the_model_runs(running: Running) -> None:
    server = InferenceServer(running.url)
    model = TritonModel(server, "yolov8n").for_camera(7)
    assert model.info == ModelInfo("triton", "server", "float32")
    assert model.input_size == (640, 640)
    bgr = np.zeros((360, 640, 3), np.uint8)
    bgr[..., 2] = 42  # red, the first of RGB
    detections = model.detect(Frame.from_bgr(bgr, datetime.now(UTC), 0.0, 0))
    assert detections.class_ids.tolist() == [42]
    assert np.array_equal(detections.boxes, found(42).boxes)
    model.check()
    with pytest.raises(ModelInvalidError, match="no model 'parrot' here; this server has yolov8n"):
        TritonModel(server, "parrot")
    running.service.drain()
    assert model.detect(Frame.from_bgr(bgr, datetime.now(UTC), 0.0, 0)).class_ids.tolist() == [42]
    server.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/models/parrot", 404, "no model 'parrot' here; this server has yolov8n"),
        ("GET", "/v2/models/yolov8n/versions/2", 404, "the only version is 1"),
        ("GET", "/v2/models/yolov8n/infer", 404, "no such path, or not with GET"),
        ("GET", "/metrics", 404, "no such path"),
        ("POST", "/v2/models/yolov8n", 404, "POST goes to /v2/models/<name>/infer"),
        ("POST", "/v2/models/parrot/infer", 404, "no model 'parrot' here"),
        ("POST", "/v2/models/yolov8n/infer", 400, "the JSON: Invalid JSON"),
        ("DELETE", "/v2", 501, "Unsupported method"),
    ],
)
def test_refusals_are_json(running: Running, method: str, path: str, status: int, words: str) -> None:
    answer = running.client.request(method, path, content=b"no json" if method == "POST" else None)
    assert answer.status_code == status
    assert words in error_of(answer)


def test_body_is_limited_and_needs_a_length(running: Running) -> None:
    path = "/v2/models/yolov8n/infer"
    answer = running.client.post(path, content=b" " * (MAX_BODY + 1))
    assert (answer.status_code, error_of(answer)) == (413, f"the body may have {MAX_BODY} bytes, not {MAX_BODY + 1}")
    answer = running.client.post(path, content=iter([b"{}"]))  # chunked
    assert (answer.status_code, error_of(answer)) == (411, "Content-Length is needed")
    answer = running.client.post(path, content=b"{}", headers={JSON_LENGTH: "two"})
    assert (answer.status_code, error_of(answer)) == (400, f"{JSON_LENGTH} must be a number")
    assert running.infer(3).status_code == 200


def test_error_of_the_model_is_answered_without_its_words(running: Running) -> None:
    answer = running.infer(255)
    assert answer.status_code == 500
    assert error_of(answer) == "yolov8n: inference failed with RuntimeError; see the server's log"
    assert running.requests("failed") == 1.0


def test_camera_that_sends_too_much_is_refused_and_others_are_served(running: Running) -> None:
    running.model.is_held = True
    with ThreadPoolExecutor(16) as threads:
        under_way = []
        for number in range(4):  # two batches
            under_way.append(threads.submit(running.infer, number, f"{number}"))
            eventually(lambda wanted=number + 1: sum(map(len, running.model.batches)) == wanted)  # type: ignore[misc]
        waiting = [threads.submit(running.infer, 10, "busy") for _ in range(2)]
        eventually(lambda: running.metrics.of("yolov8n").queued._value.get() == 2.0)
        refused = running.infer(10, "busy")
        other = threads.submit(running.infer, 20, "calm")
        eventually(lambda: running.metrics.of("yolov8n").queued._value.get() == 3.0)
        running.model.is_held = False
        running.model.release()
        statuses = [future.result(10).status_code for future in (*under_way, *waiting, other)]
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert error_of(refused) == "the inference server is overloaded: 2 images of this camera wait already"
    assert statuses == [200] * 7
    assert (running.requests("full"), running.requests("ok")) == (1.0, 7.0)


def test_clients_of_one_address_that_name_no_camera_have_a_turn_each(running: Running) -> None:
    running.model.is_held = True
    with ThreadPoolExecutor(16) as threads:
        under_way = []
        for number in range(4):  # two batches
            under_way.append(threads.submit(running.infer, number))
            eventually(lambda wanted=number + 1: sum(map(len, running.model.batches)) == wanted)  # type: ignore[misc]
        waiting = [threads.submit(running.infer, number) for number in range(10, 15)]  # more than one camera may
        eventually(lambda: running.metrics.of("yolov8n").queued._value.get() == 5.0)
        running.model.is_held = False
        running.model.release()
        assert {future.result(10).status_code for future in (*under_way, *waiting)} == {200}


def test_hanging_model_is_reported_as_dead(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.model.is_held = True
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(running.infer, 1)
        eventually(lambda: len(running.model.batches) == 1)
        monkeypatch.setattr("cctv.serving.service.STUCK_AFTER_SECONDS", -1.0)
        answer = running.client.get("/v2/health/live")
        assert answer.status_code == 503
        assert "yolov8n: the model has not answered for 0 s" in error_of(answer)
        monkeypatch.setattr("cctv.serving.service.STUCK_AFTER_SECONDS", STUCK_AFTER_SECONDS)
        running.model.is_held = False
        running.model.release()
        assert future.result(10).status_code == 200


def test_ending_server_sends_clients_away_and_answers_what_it_has(running: Running) -> None:
    assert "Connection" not in running.infer(1).headers
    running.service.drain()
    answer = running.client.get("/v2/health/ready")
    assert (answer.status_code, error_of(answer)) == (503, "the server is ending")
    answer = running.infer(2)
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    running.model.is_held = True
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(running.infer, 3)
        eventually(lambda: [3] in running.model.batches)
        closing = threading.Thread(target=running.http.close, args=(10.0,))
        closing.start()
        eventually(lambda: _is_refused(running.http.port))
        running.model.is_held = False
        running.model.release()
        assert future.result(10).status_code == 200
        closing.join(10)
    assert not closing.is_alive()


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the backlog when the server stopped
        return True
    return False


def test_connections_are_limited() -> None:
    running = Running(max_connections=1)
    try:
        assert running.infer(1).status_code == 200  # and the client keeps its connection
        with httpx.Client(base_url=running.url, verify=False) as other, pytest.raises(httpx.TransportError):
            other.get("/v2")
        running.client.close()
        eventually(lambda: _answers(running.url))
    finally:
        running.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2").status_code == 200
    except httpx.TransportError:
        return False


def test_client_says_that_the_server_is_overloaded() -> None:
    running = Running(sender_limit=1)
    try:
        server = InferenceServer(running.url)
        model = TritonModel(server, "yolov8n")
        frame = Frame.from_bgr(np.zeros((2, 2, 3), np.uint8), datetime.now(UTC), 0.0, 0)
        running.model.is_held = True
        with ThreadPoolExecutor(8) as threads:
            for number in range(4):
                threads.submit(running.infer, number, f"{number}")
                eventually(lambda wanted=number + 1: sum(map(len, running.model.batches)) == wanted)  # type: ignore[misc]
            threads.submit(running.infer, 9, "7")
            eventually(lambda: running.metrics.of("yolov8n").queued._value.get() == 1.0)
            with pytest.raises(
                ModelUnavailableError, match=r"yolov8n fails on .*: the inference server is overloaded"
            ):
                model.for_camera(7).detect(frame)
            running.model.is_held = False
            running.model.release()
        server.close()
    finally:
        running.close()
