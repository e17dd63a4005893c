"""The HTTP edge of `cctv serve-model`: paths, limits and statuses of KServe's protocol. Thread-safe.

The standard library's server does it: a client keeps its connection, each has a thread, and a body is read into the
buffer that the model's input is filled from. No authentication: bind to an address that only detectors should reach.
"""

import json
import logging
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cctv.detectors.inference_server import CAMERA_HEADER, JSON_LENGTH
from cctv.serving.protocol import RequestError
from cctv.serving.service import Service

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""A connection without a request is closed then. Longer than clients keep theirs, so that they close first."""
BODY_SECONDS = 10.0
"""Time-out of each read of a body."""

_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready|/config|/infer)?")
_CAMERA = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Handler(BaseHTTPRequestHandler):
    server: "InferenceHttpServer"
    protocol_version = "HTTP/1.1"
    server_version = "Vigil"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Serve one request; between requests the connection may be closed."""
        try:
            super().handle_one_request()
        finally:
            self.server.end_request(self.connection)

    def parse_request(self) -> bool:
        """Parse the request's head, which has begun to arrive."""
        self.server.begin_request(self.connection)
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        """Let the client send its body; it waits for this answer."""
        is_going_on = super().handle_expect_100()
        self.wfile.flush()
        return is_going_on

    def do_GET(self) -> None:
        # A body would be taken for the next request.
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        try:
            self._answer_json(HTTPStatus.OK, self._get(self.path.partition("?")[0]))
        except RequestError as error:
            self._answer_error(error)

    def do_POST(self) -> None:
        try:
            found = _MODEL.fullmatch(self.path.partition("?")[0])
            if found is None or found[3] != "/infer":
                raise RequestError(f"{self.path[:200]}: POST goes to /v2/models/<name>/infer", HTTPStatus.NOT_FOUND)
            body, json_length = self._read_body()
            service = self.server.service
            content, length = service.infer(found[1], found[2], body, json_length, self._sender())
        except RequestError as error:
            self._answer_error(error)
        except TimeoutError:
            self._answer_error(RequestError("the request or its result took too long", HTTPStatus.GATEWAY_TIMEOUT))
        else:
            if length is None:
                self._answer(HTTPStatus.OK, "application/json", content)
            else:
                self._answer(HTTPStatus.OK, "application/octet-stream", content, {JSON_LENGTH: str(length)})

    def _get(self, path: str) -> dict[str, Any]:
        service = self.server.service
        match path:
            case "/v2":
                return service.description()
            case "/v2/health/live":
                return service.live()
            case "/v2/health/ready":
                return service.ready()
        found = _MODEL.fullmatch(path)
        if found is None or found[3] == "/infer":
            raise RequestError(f"{path[:200]}: no such path, or not with GET", HTTPStatus.NOT_FOUND)
        if found[3] == "/ready":
            return service.model_ready(found[1], found[2])
        served = service.served(found[1], found[2])
        return served.configuration() if found[3] == "/config" else served.metadata()

    def _read_body(self) -> tuple[bytes, int | None]:
        """Return the body and the length of the JSON in it. Raises `RequestError`; then the connection ends."""
        length = self._header_number("Content-Length")
        limit = self.server.max_body_bytes
        if length is None:
            self.close_connection = True
            raise RequestError("Content-Length is needed", HTTPStatus.LENGTH_REQUIRED)
        if length > limit:
            self.close_connection = True
            raise RequestError(f"the body may have {limit} bytes, not {length}", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        json_length = self._header_number(JSON_LENGTH)
        self.connection.settimeout(BODY_SECONDS)
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            self.close_connection = True
            raise RequestError("the body did not arrive in time", HTTPStatus.REQUEST_TIMEOUT) from None
        finally:
            self.connection.settimeout(IDLE_SECONDS)
        if len(body) < length:
            self.close_connection = True
            raise RequestError(f"the body has {len(body)} bytes instead of {length}")
        return body, json_length

    def _header_number(self, name: str) -> int | None:
        text = self.headers.get(name)
        if text is None:
            return None
        if not re.fullmatch("[0-9]{1,12}", text):
            self.close_connection = True
            raise RequestError(f"{name} must be a number")
        return int(text)

    def _sender(self) -> str:
        """Return who sends the image: the camera that the client names, or this connection.

        Not the client's address: many detectors of a machine have the same one, and name no camera while they start.
        """
        camera = self.headers.get(CAMERA_HEADER, "")
        address, port = self.client_address[:2]
        return camera if _CAMERA.fullmatch(camera) else f"{address}:{port}"

    def _answer_error(self, error: RequestError) -> None:
        headers = {"Retry-After": "1"} if error.status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        self._answer_json(error.status, {"error": str(error)}, headers)

    def _answer_json(self, status: HTTPStatus, answer: object, headers: Mapping[str, str] | None = None) -> None:
        self._answer(status, "application/json", json.dumps(answer).encode(), headers)

    def _answer(
        self, status: HTTPStatus, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.server.service.is_draining:  # so that the client's next request goes to another server
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP as the protocol wants it: as JSON. Called by the standard library."""
        self.close_connection = True
        status = HTTPStatus(code)
        self.requestline = getattr(self, "requestline", "")
        self.request_version = self.request_version or self.protocol_version
        self._answer_json(status, {"error": message or explain or status.phrase})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Do not log requests: each camera sends several a second."""


class InferenceHttpServer(ThreadingHTTPServer):
    """Serves until `close`. Raises OSError if the address is unavailable."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: str, port: int, service: Service, *, max_body_bytes: int, max_connections: int
    ) -> None:
        self.service, self.max_body_bytes = service, max_body_bytes
        self._slots = threading.BoundedSemaphore(max_connections)
        self._open: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((address, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="inference", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self, timeout_seconds: float) -> None:
        """Stop listening, answer the requests that are being served, and close all connections."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        with self._changed:
            self._break(self._open - self._busy)
            if not self._changed.wait_for(lambda: not self._busy, timeout_seconds):
                log.warning("cutting off %d requests that have not ended in %.0f s", len(self._busy), timeout_seconds)
            self._break(self._open)

    def begin_request(self, connection: socket.socket) -> None:
        """Note that a request is being served; `close` waits for its end."""
        with self._changed:
            self._busy.add(connection)

    def end_request(self, connection: socket.socket) -> None:
        """Note that no request is being served on this connection."""
        with self._changed:
            self._busy.discard(connection)
            self._changed.notify_all()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, unless too many are open."""
        if not self._slots.acquire(blocking=False):
            log.warning("refused a connection from %s: the maximum is open", client_address[0])
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no further thread
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        with self._changed:
            self._open.add(request)
        self.service.metrics.connections.inc()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.service.metrics.connections.dec()
            with self._changed:
                self._open.discard(request)
            self._slots.release()

    @staticmethod
    def _break(connections: set[socket.socket]) -> None:
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not log clients that disconnect."""
