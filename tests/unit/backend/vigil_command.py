"""A fixture that runs the commands of `vigil` against the backend's API in this process."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.core.handlers.wsgi import WSGIHandler
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
        return main()

    return call
