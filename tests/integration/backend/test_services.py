"""The fixtures that other tests stand on: the real backend on the real databases, killed and started again."""

from pathlib import Path

import httpx
import pytest
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.postgres import PostgresServer

pytestmark = pytest.mark.timeout(400)


def _works(backend: BackendServer) -> None:
    anna = backend.create_user("anna")
    camera_id = backend.add_camera(anna.token, name="Gate", rtsp_url="rtsp://u:p@camera.example/1")
    backend.kill()
    assert not backend.is_ready()
    backend.start()
    with backend.client(anna.token) as client:
        assert client.get(f"/api/cameras/{camera_id}/").json()["name"] == "Gate"


def test_backend_on_postgresql_keeps_its_data_when_killed(backend: BackendServer) -> None:
    _works(backend)


def test_backend_on_sqlite_keeps_its_data_when_killed(tmp_path: Path) -> None:
    with backend_server(tmp_path / "backend") as backend:
        _works(backend)


def test_database_that_is_away_is_503_and_comes_back(backend: BackendServer, postgres: PostgresServer) -> None:
    anna = backend.create_user("anna")
    with backend.client(anna.token) as client:
        assert client.get("/api/cameras/").status_code == httpx.codes.OK
        postgres.kill()
        try:
            answer = client.get("/api/cameras/")
            ready = client.get("/readyz")
        finally:
            postgres.start()
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert int(answer.headers["retry-after"]) >= 1
        assert "Traceback" not in answer.text
        assert (ready.status_code, ready.json()["database"]) == (503, "not available")
        assert client.get("/healthz").status_code == httpx.codes.OK
        assert client.get("/api/cameras/").status_code == httpx.codes.OK


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("VIGIL_SECRET_KEY", "VIGIL_SECRET_KEY or VIGIL_SECRET_KEY_FILE is not set"),
        ("VIGIL_CREDENTIAL_KEYS", "VIGIL_CREDENTIAL_KEYS or VIGIL_CREDENTIAL_KEYS_FILE is not set"),
    ],
)
def test_backend_does_not_start_without_a_key(tmp_path: Path, variable: str, words: str) -> None:
    with (
        pytest.raises(AssertionError, match=words),
        backend_server(tmp_path / "backend", environment={variable: ""}),
    ):
        pass
