"""The operator as a process, with exactly the permissions of its manifests."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.cluster.audit import WRITE_VERBS, AuditEvent
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import MERGE, ApiError
from tests.cluster.polling import eventually
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.services.backend import BackendServer, BackendUser

from vigil_operator.kube.access import cluster_identity, load_configuration

ROOT = Path(__file__).parents[3]
Document = dict[str, Any]


class UnreadableError(AssertionError):
    """The API server did not respond to a read; `eventually` retries."""


@contextmanager
def reading() -> Iterator[None]:
    """Convert read errors: a starting API server may lose etcd connections or not serve custom resources yet."""
    try:
        yield
    except (ApiError, httpx.TransportError) as error:
        raise UnreadableError(f"the cluster could not be read: {error}") from error


def install_definitions(cluster: ControlPlane) -> None:
    """Install the CRDs and the sample classes."""
    paths = sorted((ROOT / "manifests" / "crds").glob("*.yaml"))
    for path in [*paths, ROOT / "manifests" / "samples" / "detector-classes.yaml"]:
        eventually(partial(_applied, cluster, path), timeout_seconds=60)


def _applied(cluster: ControlPlane, path: Path) -> bool:
    """Apply a definition twice: immediately after its creation it may have no status to wait for."""
    try:
        cluster.apply(path)
    except KubectlError as error:
        raise AssertionError(str(error)) from error
    return True


def has_openapi_v3(cluster: ControlPlane) -> bool:
    """Return whether the API server has the document that the operator compares (since Kubernetes 1.24)."""
    try:
        return bool(cluster.http.get("/openapi/v3"))
    except ApiError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return False


def install_rights(cluster: ControlPlane, system: str, cameras: str) -> None:
    """Install manifests/operator/10-rbac.yaml with the test's namespaces."""
    text = (ROOT / "manifests" / "operator" / "10-rbac.yaml").read_text()
    documents = list(
        yaml.load_all(text.replace("vigil-system", system).replace("vigil-cameras", cameras), Loader=yaml.CSafeLoader)
    )
    for document in documents:
        if document["kind"].startswith("Cluster"):
            document["metadata"]["name"] += f"-{system}"
            if "roleRef" in document:
                document["roleRef"]["name"] += f"-{system}"
    cluster.apply(documents)


def release_cameras(cluster: ControlPlane, namespace: str) -> None:
    """Remove the finalizers of the namespace's cameras, so that they are deleted with it."""
    eventually(partial(_released, cluster, namespace))


def _released(cluster: ControlPlane, namespace: str) -> bool:
    for name, item in View(cluster, namespace).cameras().items():
        if item["metadata"].get("finalizers"):
            path = f"/apis/vigil.dev/v1alpha1/namespaces/{namespace}/cameras/{name}"
            with reading():  # a deleted one is missing from the next listing
                cluster.http.patch(path, {"metadata": {"finalizers": None}}, kind=MERGE)
    return True


@dataclass
class Operator:
    """One replica."""

    cluster: ControlPlane
    system: str
    namespace: str
    api_url: str
    token: str
    reaper: Reaper
    identity: str = "operator-1"
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "vigil_operator"

    def __post_init__(self) -> None:
        (self.port,) = free_ports(1)
        kubeconfig = self.cluster.service_account_kubeconfig(self.system, "vigil-operator")
        self.log = self.cluster.folder / f"{self.system}-{self.identity}.log"
        self.variables = self._variables(kubeconfig)
        self.process = ServerProcess(
            self.identity,
            [sys.executable, "-m", self.module, "run"],
            self.log,
            self.reaper,
            environment=self.variables,
        )

    def _variables(self, kubeconfig: Path) -> dict[str, str]:
        return {
            **os.environ,
            "VIGIL_API_URL": self.api_url,
            "VIGIL_TOKEN": self.token,
            "VIGIL_KUBECONFIG": str(kubeconfig),
            "VIGIL_NAMESPACE": self.namespace,
            "VIGIL_LEASE_NAMESPACE": self.system,
            "VIGIL_IDENTITY": self.identity,
            "VIGIL_HEALTH_HOST": "127.0.0.1",
            "VIGIL_HEALTH_PORT": str(self.port),
            "VIGIL_LOG_FORMAT": "json",
            "VIGIL_SYNC_INTERVAL_SECONDS": "0.5",
            "VIGIL_HEALTH_INTERVAL_SECONDS": "1",
            "VIGIL_RESYNC_INTERVAL_SECONDS": "10",
            **self.environment,
        }

    def cluster_query(self) -> dict[str, str]:
        """Return the parameters by which it asks the API for its cluster's cameras."""
        configuration = asyncio.run(load_configuration(self.variables["VIGIL_KUBECONFIG"]))
        identity = f"{cluster_identity(configuration)}/{self.namespace}"
        return {"cluster": self.variables.get("VIGIL_CLUSTER_NAME", ""), "identity": identity}

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, return when it is active and has listed everything."""
        self.process.start()
        self.process.wait_until(self.is_ready if wait else self.answers, timeout_seconds=60)

    def answers(self) -> bool:
        return self.get("/healthz") is not None

    def is_ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer.text == "active"

    def is_standby(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer.text == "standby"

    def get(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, verify=False)
        except httpx.HTTPError:
            return None

    def metric(self, line: str) -> float:
        """Return the value of a metric, written as `vigil_cameras{phase="Pending"}`."""
        answer = self.get("/metrics")
        assert answer is not None
        found = [text for text in answer.text.splitlines() if text.startswith(f"{line} ")]
        assert found, f"no {line}"
        return float(found[0].rpartition(" ")[2])

    def writes(self, since: int) -> list[AuditEvent]:
        """Return its writes since a mark in the audit log; kopf's requests carry no identity.

        Not its Lease, and not what stores nothing: dry runs and questions about its permissions.
        """
        user = f"system:serviceaccount:{self.system}:vigil-operator"
        events = self.cluster.audit_events(since=since, user=user, verbs=WRITE_VERBS)
        others = [
            event for event in events if "(" in event.user_agent and f"({self.identity})" not in event.user_agent
        ]
        return [
            event
            for event in events
            if event.resource not in {"leases", "selfsubjectaccessreviews"}
            and not event.is_dry_run
            and event not in others
        ]


@dataclass(frozen=True)
class View:
    """The cluster's state of one namespace's cameras. Raises UnreadableError."""

    cluster: ControlPlane
    namespace: str

    def cameras(self) -> dict[str, Document]:
        return self._by_name("/apis/vigil.dev/v1alpha1", "cameras")

    def camera(self, name: str) -> Document:
        found = self.cameras()
        assert name in found, f"{name} is not among {sorted(found)}"
        return found[name]

    def deployments(self) -> dict[str, Document]:
        return self._by_name("/apis/apps/v1", "deployments")

    def pods(self) -> dict[str, Document]:
        return self._by_name("/api/v1", "pods")

    def secrets(self) -> dict[str, Document]:
        found = self._by_name("/api/v1", "secrets")
        return {name: item for name, item in found.items() if item["type"] == "Opaque"}

    def network_policies(self) -> dict[str, Document]:
        return self._by_name("/apis/networking.k8s.io/v1", "networkpolicies")

    def events(self) -> list[Document]:
        found = self._items("/api/v1", "events")
        return [item for item in found if item["involvedObject"]["kind"] == "Camera"]

    def reported_cameras(self) -> int:
        """Return how many cameras the classes report, which the operator counts every few seconds."""
        with reading():
            classes: list[Document] = self.cluster.http.get("/apis/vigil.dev/v1alpha1/detectorclasses")["items"]
        return sum(item.get("status", {}).get("cameras", 0) for item in classes)

    def phases(self) -> dict[str, str]:
        return {name: item.get("status", {}).get("phase", "") for name, item in self.cameras().items()}

    def condition(self, name: str, kind: str) -> Document:
        conditions: list[Document] = self.camera(name).get("status", {}).get("conditions", [])
        return next(
            (item for item in conditions if item["type"] == kind), {"status": "", "reason": "", "message": ""}
        )

    def pods_on_nodes(self) -> list[str]:
        return [name for name, item in self.pods().items() if item["spec"].get("nodeName")]

    def _by_name(self, prefix: str, plural: str) -> dict[str, Document]:
        return {item["metadata"]["name"]: item for item in self._items(prefix, plural)}

    def _items(self, prefix: str, plural: str) -> list[Document]:
        with reading():
            items: list[Document] = self.cluster.http.get(f"{prefix}/namespaces/{self.namespace}/{plural}")["items"]
        return items


@dataclass(frozen=True)
class Installation:
    """A running operator with everything around it, from which most tests start."""

    cluster: ControlPlane
    namespace: str
    backend: BackendServer
    user: BackendUser
    operator: Operator
    view: View

    def node(self, **room: Any) -> AbstractContextManager[object]:
        """Return the namespace's own node, with capacity for its detectors; see `ControlPlane.add_node`."""
        return self.cluster.add_node(f"{self.namespace}-node", **room)

    def api(self) -> AbstractContextManager[httpx.Client]:
        """Return the REST API for the owner of the cameras."""
        return self.backend.client(self.user.token)

    def add_camera(self, number: int, **settings: Any) -> int:
        """Add a camera through the API and return its id."""
        values = {"name": f"Camera {number}", "rtsp_url": f"rtsp://10.0.0.{number}/s"} | settings
        return self.backend.add_camera(self.user.token, **values)
