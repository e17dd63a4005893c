"""An HTTP server, with or without TLS, whose responses a test controls: right, wrong, late, none."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cluster.certificates import KeyPair


@dataclass(frozen=True)
class Got:
    """A request that was read completely."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`plan`: what to do with the next requests, then 200. A status, `drop` (read all, answer nothing), `late`
    (answer after `late_seconds`), `drip` (a byte of the answer now and then), or a status with headers."""

    port: int = 0
    plan: list[Any] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    late_seconds: float = 30.0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        """Return the ids of received webhooks."""
        return [got.headers["webhook-id"] for got in self.got]


@contextmanager
def http_receiver(certificate: KeyPair | None = None) -> Iterator[Receiver]:
    """Listen on a free port of 127.0.0.1."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            step = receiver.plan.pop(0) if receiver.plan else 200
            receiver.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            _act(self, receiver, step)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _act(handler: BaseHTTPRequestHandler, receiver: Receiver, step: Any) -> None:
    handler.close_connection = True
    if step == "drop":
        return
    if step == "drip":
        for byte in b"HTTP/1.1 200 OK\r\n" * 10:
            if receiver.stopping.wait(0.2):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
        return
    if step == "late":
        began = time.monotonic()
        while time.monotonic() - began < receiver.late_seconds and not receiver.stopping.is_set():
            receiver.stopping.wait(0.05)
        step = 200
    status, headers = step if isinstance(step, tuple) else (step, {})
    try:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    except OSError:
        pass
