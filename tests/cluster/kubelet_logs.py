"""The one part of a kubelet's own HTTPS server that clients come to see: `kubectl logs` of stand-in pods."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.cluster.certificates import KeyPair

LogSource = Callable[[str, str, bool], str | None]
"""(namespace, pod, previous) -> the log's text, or None when there is no such pod."""


class LogServer:
    """Serves GET /containerLogs/<namespace>/<pod>/<container>?tailLines=…&previous=… on a loopback port."""

    def __init__(self, source: LogSource, certificate: KeyPair) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                segments = parts.path.strip("/").split("/")
                text = None
                if len(segments) == 4 and segments[0] == "containerLogs":
                    text = source(segments[1], segments[2], query.get("previous") == ["true"])
                self._answer(404, "no such log") if text is None else self._answer(200, _tail(text, query))

            def _answer(self, code: int, text: str) -> None:
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                """Says nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="kubelet-logs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def _tail(text: str, query: dict[str, list[str]]) -> str:
    if "tailLines" not in query:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(lines[-int(query["tailLines"][0]) :])
