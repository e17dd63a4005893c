"""A fixture that runs the commands of `vigil` against the backend's API in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from tests.unit.backend.conftest import Party

from vigil_contracts.api_client import ApiClient
from vigil_standalone.__main__ import main
from vigil_transfer.connection import Connection

RunVigil = Callable[..., int]


@pytest.fixture
def run(anna: Party, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunVigil:
    """Return a function that runs `vigil` with Anna's token, and returns its exit status."""
    (tmp_path / "token").write_text(anna.token)
    monkeypatch.setenv("VIGIL_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("VIGIL_API_URL", "http://testserver")

    def client(connection: Connection) -> ApiClient:
        made = ApiClient(connection.url, connection.token)
        transport = httpx.WSGITransport(WSGIHandler())
        made._http = httpx.Client(transport=transport, base_url=connection.url, headers=made._http.headers)
        return made

    monkeypatch.setattr(Connection, "client", client)

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["vigil", *arguments])
        with _keeping_the_connection():
            return main()

    return call


@contextmanager
def _keeping_the_connection() -> Iterator[None]:
    """Let requests keep the database connection, as Django does in tests: closing it would end the transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
