"""The operator's environment: a control plane, the backend on PostgreSQL, and the test's namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.reaper import Reaper
from tests.integration.operator.running import (
    Installation,
    Operator,
    View,
    install_definitions,
    install_rights,
    release_cameras,
)
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.postgres import PostgresServer


@pytest.fixture(scope="session")
def vigil_cluster(cluster: ControlPlane) -> ControlPlane:
    """The control plane with Vigil's definitions installed."""
    install_definitions(cluster)
    return cluster


@pytest.fixture(scope="session")
def session_backend(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    """One backend on PostgreSQL for all of the operator's tests."""
    directory = tmp_path_factory.mktemp("operator-backend")
    with backend_server(directory, database_url=postgres.create_database()) as server:
        yield server


@pytest.fixture(scope="session")
def user(session_backend: BackendServer) -> BackendUser:
    """A user with cameras."""
    return session_backend.create_user("anna")


@pytest.fixture(scope="session")
def operator_token(session_backend: BackendServer, user: BackendUser) -> str:
    return session_backend.token(user.username, "operator")


@pytest.fixture
def backend(session_backend: BackendServer, user: BackendUser) -> Iterator[BackendServer]:
    """The backend without cameras; objects left by the test are removed."""
    yield session_backend
    if not session_backend.is_ready():
        session_backend.kill()
        session_backend.start()
    with session_backend.client(user.token) as api:
        for camera in api.get("/api/cameras/", params={"page_size": 500}).json()["results"]:
            api.delete(f"/api/cameras/{camera['id']}/")


@pytest.fixture
def system(vigil_cluster: ControlPlane, namespace: str) -> Iterator[str]:
    """The operator's own namespace; its permissions cover only `namespace`."""
    name = vigil_cluster.create_namespace(f"{namespace}-system")
    install_rights(vigil_cluster, name, namespace)
    yield name
    vigil_cluster.delete_namespace(name, wait=False)


@pytest.fixture
def make_operator(
    vigil_cluster: ControlPlane, system: str, namespace: str, backend: BackendServer, operator_token: str
) -> Iterator[Callable[..., Operator]]:
    """Return a function that creates replicas without starting them; all are stopped after the test."""
    reaper = Reaper()
    made: list[Operator] = []

    def make(identity: str = "operator-1", *, module: str = "vigil_operator", **environment: str) -> Operator:
        made.append(
            Operator(
                vigil_cluster,
                system,
                namespace,
                backend.url,
                operator_token,
                reaper,
                identity=identity,
                environment=environment,
                module=module,
            )
        )
        return made[-1]

    yield make
    for operator in made:
        operator.process.kill()
    reaper.close()
    # No operator is left to remove the finalizers, and cameras of a failed test would block the definition.
    release_cameras(vigil_cluster, namespace)


@pytest.fixture
def operator(make_operator: Callable[..., Operator]) -> Operator:
    """One replica, running and ready."""
    made = make_operator()
    made.start()
    return made


@pytest.fixture
def view(vigil_cluster: ControlPlane, namespace: str) -> View:
    """The state of the cluster."""
    return View(vigil_cluster, namespace)


@pytest.fixture
def installation(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator: Operator,
    view: View,
) -> Installation:
    """The operator with everything around it."""
    return Installation(vigil_cluster, namespace, backend, user, operator, view)
