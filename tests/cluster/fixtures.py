"""The pytest fixtures `cluster`, `container_cluster`, `any_cluster`, `namespace`; tests/conftest.py loads them."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.binaries import Binaries, BinariesUnavailableError, ensure_binaries
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubeconfig import require_test_cluster
from tests.cluster.machine import MachineUnavailableError
from tests.cluster.node import ContainerCluster

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "build" / "cluster"
_KEPT_RUNS = 30


@pytest.fixture(scope="session")
def kubernetes_binaries() -> Binaries:
    """The control plane's programs, built if necessary. Skips the test if a prerequisite is missing."""
    try:
        return ensure_binaries()
    except BinariesUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster(kubernetes_binaries: Binaries) -> Iterator[ControlPlane]:
    """One control plane for the whole run. Tests share it, each with its own namespace and nodes."""
    with ControlPlane(kubernetes_binaries, run_folder("session")) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def container_cluster(kubernetes_binaries: Binaries) -> Iterator[ContainerCluster]:
    """A control plane and a node with real containers; only one per machine, so it is module-scoped.

    Skips the test if a prerequisite is missing.
    """
    try:
        found = ContainerCluster(kubernetes_binaries, run_folder("containers"))
    except MachineUnavailableError as error:
        pytest.skip(str(error))
    yield found
    found.close()


@pytest.fixture(scope="session")
def any_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster of VIGIL_TEST_KUBECONFIG if set, else `cluster`; for tests that need only kubectl.

    Other kubeconfigs of the environment are never read, and clusters without the test mark are rejected.
    """
    external = os.environ.get("VIGIL_TEST_KUBECONFIG")
    if not external:
        yield request.getfixturevalue("cluster")
        return
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("VIGIL_TEST_KUBECONFIG is set, but there is no kubectl on the PATH")
    require_test_cluster(Path(kubectl), Path(external))
    found = Cluster(Path(kubectl), Path(external), run_folder("external"))
    yield found
    found.close()


@pytest.fixture
def namespace(any_cluster: Cluster) -> Iterator[str]:
    """A namespace for this test, deleted afterwards."""
    name = any_cluster.create_namespace(f"test-{secrets.token_hex(4)}")
    yield name
    any_cluster.delete_namespace(name, wait=False)


def run_folder(name: str) -> Path:
    """Create a folder for a cluster's logs and kubeconfigs, build/cluster/<time>-<process>-<name>."""
    for old in sorted(RUNS.glob("*"))[:-_KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    folder = RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{name}"
    folder.mkdir(parents=True)
    return folder
