"""Quotas hold under a hundred parallel clients and two workers, on SQLite and PostgreSQL."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.services.backend import backend_server
from tests.integration.services.postgres import PostgresServer

pytestmark = pytest.mark.timeout(300)
LIMIT = 5
REQUESTS = 100


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_parallel_requests_cannot_exceed_a_quota(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = ""
    if database == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.create_database()
    limits = {f"VIGIL_MAX_{things}_PER_USER": str(LIMIT) for things in ("CAMERAS", "TOKENS")}
    with backend_server(tmp_path / "backend", database_url=url, workers=2, environment=limits) as backend:
        anna = backend.create_user("anna")
        with backend.client(anna.token) as client, ThreadPoolExecutor(REQUESTS) as threads:
            for path in ("/api/cameras/", "/api/tokens/"):
                bodies = [{"name": f"{number}", "rtsp_url": "rtsp://h/1"} for number in range(REQUESTS)]
                if path == "/api/tokens/":
                    bodies = [{"name": body["name"]} for body in bodies]
                answers = list(threads.map(lambda body, path=path: client.post(path, json=body), bodies))
                statuses = Counter(answer.status_code for answer in answers)
                made = LIMIT - (path == "/api/tokens/")  # anna's own is one
                assert statuses == {201: made, 400: REQUESTS - made}, [answer.text for answer in answers]
                assert len(client.get(path).json()["results"]) == LIMIT
