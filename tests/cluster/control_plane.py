"""A Kubernetes control plane for tests, on free loopback ports of this machine.

Real servers without machines: Deployments, garbage collection, RBAC and scheduling are Kubernetes' own. Nodes are
bare objects (`add_node`), and the stand-in kubelet simulates their pods. Nothing is synced to disk.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.audit import AuditEvent, AuditLog
from tests.cluster.bare_nodes import BareNode, Heartbeats, create_node
from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.etcd import read_all
from tests.cluster.http import Access, ApiError, KubernetesHttp
from tests.cluster.kubeconfig import MARKER_NAME, MARKER_NAMESPACE
from tests.cluster.processes import wait_until_free
from tests.cluster.servers import ControlPlaneOptions, Servers
from tests.cluster.standin_kubelet import StandinKubelet


class ControlPlane(Cluster):
    """Started by its constructor, ended by `close`; also a context manager. Logs are written into `folder`."""

    def __init__(self, binaries: Binaries, folder: Path, options: ControlPlaneOptions | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.version = binaries.version
        self.servers = Servers(binaries, folder, options or ControlPlaneOptions())
        self._audit = AuditLog(self.servers.audit_log)
        self._kubelet: StandinKubelet | None = None
        self._heartbeats: Heartbeats | None = None
        try:
            self.servers.start()
            super().__init__(binaries.path("kubectl"), self.servers.admin_kubeconfig, folder)
            self._nodes_http = KubernetesHttp(Access.from_kubeconfig(self.kubeconfig), "vigil-tests-nodes")
            # The first namespace's ServiceAccount is the controller manager's first sign of life.
            self._wait_for_service_account("default", "default")
            self._wait_for_namespace("kube-node-lease")
            self._mark()
        except BaseException:
            self.servers.close()
            raise

    # nodes and their pods

    def add_node(
        self,
        name: str,
        *,
        gpus: Mapping[str, int] | None = None,
        cpu: str = "8",
        memory: str = "32Gi",
        pods: int = 110,
        storage: str = "100Gi",
        labels: Mapping[str, str] | None = None,
        taints: Sequence[Mapping[str, str]] = (),
        run_pods: bool = True,
    ) -> BareNode:
        """Add a Node object that is kept Ready; the real scheduler counts its CPU, memory and GPUs.

        `gpus` is what a device plugin would report, {"nvidia.com/gpu": 2}. With `run_pods` the stand-in kubelet plays
        the node's pods; without it they stay Pending once they are bound. Remove the node when the test is over: use
        it as a context manager.
        """
        machine: dict[str, int | str] = {"cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": storage}
        if self._heartbeats is None:
            self._heartbeats = Heartbeats(self._nodes_http)
        if run_pods:
            self.kubelet.serve(name)
        return create_node(
            self._nodes_http,
            self._heartbeats,
            name,
            capacity=machine | dict(gpus or {}),
            labels=labels or {},
            taints=taints,
            kubelet_port=self.kubelet.port if run_pods else None,
        )

    @property
    def kubelet(self) -> StandinKubelet:
        """Return the stand-in kubelet of all bare nodes; the first access starts it."""
        if self._kubelet is None:
            access = Access.from_kubeconfig(self.servers.kubeconfig("kubelet", "standin-kubelet", ["system:masters"]))
            self._kubelet = StandinKubelet(access, self.servers.authority.server("kubelet", ["127.0.0.1"]))
        return self._kubelet

    # users

    def user_kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig of a user with these groups and only the permissions bound to them."""
        return self.servers.kubeconfig(f"user-{user.replace(':', '-').replace('/', '-')}", user, groups)

    # faults

    def kill_apiserver(self) -> None:
        """Kill the API server without a restart: watches break at once."""
        self.servers.apiserver.kill()

    def restart_apiserver(self, *, kill: bool = True) -> float:
        """End the API server, by `kill -9` or cleanly, restart it and wait until it is ready.

        Returns the seconds of its outage.
        """
        began = time.monotonic()
        if kill:
            self.servers.apiserver.kill()
        else:
            self.servers.apiserver.stop()
        wait_until_free(self.servers.port)
        self.servers.start_apiserver()
        return time.monotonic() - began

    def start_apiserver(self) -> None:
        """Start the API server after `kill_apiserver` and wait until it is ready."""
        wait_until_free(self.servers.port)
        self.servers.start_apiserver()

    def freeze_etcd(self) -> None:
        """Freeze etcd: writes hang and then fail, reads from the API server's cache work. `thaw_etcd` ends it."""
        self.servers.etcd.freeze()

    def thaw_etcd(self) -> None:
        self.servers.etcd.thaw()

    @contextmanager
    def etcd_frozen(self) -> Iterator[None]:
        self.freeze_etcd()
        try:
            yield
        finally:
            self.thaw_etcd()

    # what happened

    def audit_mark(self) -> int:
        """Return the current end of the audit log, for `audit_events(since=…)`."""
        return self._audit.mark()

    def audit_events(
        self,
        *,
        since: int = 0,
        user: str | None = None,
        user_agent: str | None = None,
        verbs: Collection[str] | None = None,
        resource: str | None = None,
        namespace: str | None = None,
    ) -> list[AuditEvent]:
        """Return the audit events, filtered as in `AuditLog.events`. Poll for an expected event."""
        return self._audit.events(
            since=since, user=user, user_agent=user_agent, verbs=verbs, resource=resource, namespace=namespace
        )

    def etcd_contents(self) -> Iterator[tuple[str, bytes]]:
        """Return all stored keys and values, to check that only Secrets contain passwords."""
        return read_all(self.servers.etcd_url)

    # the end

    def close(self) -> None:
        if self._heartbeats is not None:
            self._heartbeats.close()
        if self._kubelet is not None:
            self._kubelet.close()
        self._nodes_http.close()
        super().close()
        self.servers.close()

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mark(self) -> None:
        """Mark the cluster as one that tests may break, as the guard requires."""
        self._wait_for_namespace(MARKER_NAMESPACE)
        with suppress(ApiError):
            path = f"/api/v1/namespaces/{MARKER_NAMESPACE}/configmaps"
            self.http.create(path, {"metadata": {"name": MARKER_NAME}})
