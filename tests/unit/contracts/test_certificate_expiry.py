"""The operator's metric of the API certificate's expiry, so that an alert fires in time."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cluster.certificates import CertificateAuthority

from vigil_contracts.api_client import AsyncApiClient


class _NoCameras(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps([]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An HTTPS server with a trusted CA; its certificate is valid for seven days."""
    authority = CertificateAuthority(tmp_path)
    pair = authority.server("api", ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _NoCameras) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_certificate_expiry_is_known_after_the_first_response(https_url: str) -> None:
    async def ask() -> tuple[float, float]:
        async with AsyncApiClient(https_url, "token") as api:
            before = api.certificate_expiry_timestamp_seconds
            await api.active_cameras()
            return before, api.certificate_expiry_timestamp_seconds

    before, after = asyncio.run(ask())

    assert before == 0.0
    left = datetime.fromtimestamp(after, UTC) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
