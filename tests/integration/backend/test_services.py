"""The fixtures of other tests: the real backend on real databases, killed and restarted."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psycopg2
import pytest
from tests.cluster.polling import eventually
from tests.cluster.processes import ProcessFailedError, group_lives
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


def test_database_outage_returns_503_until_it_is_back(backend: BackendServer, postgres: PostgresServer) -> None:
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


def test_killed_database_with_a_busy_process_restarts(postgres: PostgresServer, database_url: str) -> None:
    """Such a process does not detect the kill, and prevents the start of the next server."""

    def work() -> None:
        with suppress(psycopg2.OperationalError), closing(psycopg2.connect(database_url)) as busy:
            busy.cursor().execute("SELECT sum(n) FROM (SELECT generate_series(1, 200000000) AS n) AS numbers")

    def at_work() -> list[int]:
        with closing(psycopg2.connect(database_url)) as watcher, watcher.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()")
            return [pid for (pid,) in cursor.fetchall()]

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        (process,) = eventually(at_work)
        postgres.kill()
        try:
            assert not group_lives(process)
        finally:
            postgres.start()
        done.result(30)


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("VIGIL_SECRET_KEY", "VIGIL_SECRET_KEY or VIGIL_SECRET_KEY_FILE is not set"),
        ("VIGIL_CREDENTIAL_KEYS", "VIGIL_CREDENTIAL_KEYS or VIGIL_CREDENTIAL_KEYS_FILE is not set"),
    ],
)
def test_backend_does_not_start_without_a_key(tmp_path: Path, variable: str, words: str) -> None:
    with (
        pytest.raises(ProcessFailedError, match=words),
        backend_server(tmp_path / "backend", environment={variable: ""}, is_migrated=True),
    ):
        pass
