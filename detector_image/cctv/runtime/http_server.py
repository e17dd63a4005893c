"""Serve /metrics, /healthz and /readyz without authentication: bind to an address that only they should reach."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vigil_contracts.time_zones import TIME_ZONE_DATABASE_VERSION

Check = Callable[[], str | None]
"""Returns the problem in one sentence; None if there is none."""


class _Handler(BaseHTTPRequestHandler):
    server: "StatusServer"
    timeout = 5.0
    server_version = "Vigil"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self.server.refresh()
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, content_type, encode(self.server.registry))
        elif path in ("/healthz", "/readyz"):
            problem = self.server.liveness_problem() if path == "/healthz" else self.server.readiness_problem()
            status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
            text = f"{problem or 'ok'}\n"
            if path == "/healthz":
                text += f"time zone database {TIME_ZONE_DATABASE_VERSION}\n"
            self._answer(status, "text/plain; charset=utf-8", text.encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"/metrics, /healthz or /readyz\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Do not log requests of probes."""


class StatusServer(ThreadingHTTPServer):
    """Serves until `close`. Raises OSError if the address is unavailable."""

    daemon_threads = True

    def __init__(
        self,
        address: str,
        port: int,
        registry: CollectorRegistry,
        *,
        liveness_problem: Check,
        readiness_problem: Check,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self.registry, self.refresh = registry, refresh
        self.liveness_problem, self.readiness_problem = liveness_problem, readiness_problem
        super().__init__((address, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="status", daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not log clients that disconnect."""
