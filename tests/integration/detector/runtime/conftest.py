"""One backend for the tests of running detectors."""

from collections.abc import Iterator

import pytest
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.postgres import PostgresServer


@pytest.fixture(scope="session")
def running_backend(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    """One backend with two workers for all tests of this folder."""
    directory = tmp_path_factory.mktemp("backend")
    with backend_server(directory, database_url=postgres.create_database(), workers=2) as server:
        yield server


@pytest.fixture(scope="session")
def anna(running_backend: BackendServer) -> BackendUser:
    """The user who owns the cameras."""
    return running_backend.create_user("anna")


@pytest.fixture(scope="session")
def pipeline_token(running_backend: BackendServer, anna: BackendUser) -> str:
    """The token of a detector in poll mode."""
    return running_backend.token(anna.username, "pipeline")


@pytest.fixture
def backend(running_backend: BackendServer, anna: BackendUser) -> Iterator[BackendServer]:
    """The backend without cameras; those of the test are deleted with their alerts."""
    yield running_backend
    if not running_backend.is_ready():
        running_backend.kill()
        running_backend.start()
    with running_backend.client(anna.token) as client:
        for camera in client.get("/api/cameras/").json()["results"]:
            client.delete(f"/api/cameras/{camera['id']}/").raise_for_status()
