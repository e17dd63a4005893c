"""Node objects without machines: the real scheduler counts their CPU, memory and GPUs.

A node stays Ready because its Lease is renewed, which is what a real kubelet does; when that stops, the real
controller manager declares the node lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx
from tests.cluster.behaviours import timestamp
from tests.cluster.http import ApiError, Document, KubernetesHttp

HEARTBEAT_SECONDS = 5
"""Well inside the controller manager's grace period (40 s by default)."""

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_CONDITIONS = {
    "Ready": "True",
    "MemoryPressure": "False",
    "DiskPressure": "False",
    "PIDPressure": "False",
    "NetworkUnavailable": "False",
}


class BareNode:
    """One node. As a context manager it is removed at the end."""

    def __init__(self, name: str, http: KubernetesHttp, heartbeats: Heartbeats) -> None:
        self.name = name
        self._http = http
        self._heartbeats = heartbeats

    def set_capacity(self, resources: Mapping[str, int | str]) -> None:
        """Change the node's capacity, like a device plugin: {"nvidia.com/gpu": 1}. Takes effect at once."""
        quantities = {name: str(quantity) for name, quantity in resources.items()}
        body = {"status": {"capacity": quantities, "allocatable": quantities}}
        self._http.patch(f"/api/v1/nodes/{self.name}/status", body)

    def stop_heartbeat(self) -> None:
        """Simulate a lost machine: after the grace period the node is NotReady and its pods are evicted."""
        self._heartbeats.remove(self.name)

    def resume_heartbeat(self) -> None:
        self._heartbeats.add(self.name)

    def read(self) -> Document:
        """Return the Node object."""
        return self._http.get(f"/api/v1/nodes/{self.name}")

    def is_ready(self) -> bool:
        """Return whether it is Ready and without the taint of nodes that are not."""
        node = self.read()
        conditions = node["status"]["conditions"]
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        taints = node["spec"].get("taints", [])
        return ready and not any(taint["key"].startswith("node.kubernetes.io/") for taint in taints)

    def remove(self) -> None:
        """Delete the node; the controller manager then deletes its pods."""
        self._heartbeats.remove(self.name)
        for path in (f"/api/v1/nodes/{self.name}", f"{_LEASES}/{self.name}"):
            with suppress(ApiError):
                self._http.delete(path)

    def __enter__(self) -> BareNode:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Heartbeats:
    """A thread that renews the Leases of all bare nodes, and retries while the API server is unavailable."""

    def __init__(self, http: KubernetesHttp) -> None:
        self._http = http
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node-heartbeats", daemon=True)
        self._thread.start()

    def add(self, name: str) -> None:
        with self._lock:
            self._names.add(name)
        self._renew(name)

    def remove(self, name: str) -> None:
        with self._lock:
            self._names.discard(name)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=35)

    def _run(self) -> None:
        wait_seconds = float(HEARTBEAT_SECONDS)
        while not self._stopped.wait(wait_seconds):
            with self._lock:
                names = sorted(self._names)
            wait_seconds = HEARTBEAT_SECONDS
            for name in names:
                try:
                    self._renew(name)
                except (ApiError, httpx.HTTPError):
                    wait_seconds = 0.5
                    break

    def _renew(self, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
        try:
            self._http.patch(f"{_LEASES}/{name}", {"spec": spec})
        except ApiError as error:
            if error.code != 404:
                raise
            self._http.create(_LEASES, {"metadata": {"name": name}, "spec": spec})


def create_node(
    http: KubernetesHttp,
    heartbeats: Heartbeats,
    name: str,
    *,
    capacity: Mapping[str, int | str],
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    kubelet_port: int | None,
    timeout_seconds: float = 75,
) -> BareNode:
    """Create the Node object and wait until pods can be scheduled on it. Raises TimeoutError.

    A controller manager that has lost its API server reconnects after up to a minute.
    """
    http.create("/api/v1/nodes", _node_manifest(name, capacity, labels, taints, kubelet_port))
    node = BareNode(name, http, heartbeats)
    heartbeats.add(name)
    deadline = time.monotonic() + timeout_seconds
    while not node.is_ready():
        if time.monotonic() > deadline:
            node.remove()
            raise TimeoutError(f"node {name} is not Ready after {timeout_seconds:.0f} s")
        time.sleep(0.05)
    return node


def _node_manifest(
    name: str,
    capacity: Mapping[str, int | str],
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    kubelet_port: int | None,
) -> Document:
    quantities = {resource: str(quantity) for resource, quantity in capacity.items()}
    well_known = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    now = timestamp()
    status: Document = {
        "capacity": quantities,
        "allocatable": quantities,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "conditions": [
            {"type": kind, "status": value, "reason": "BareNode", "lastHeartbeatTime": now, "lastTransitionTime": now}
            for kind, value in _CONDITIONS.items()
        ],
        "nodeInfo": {
            "kubeletVersion": "v1.20.2",
            "operatingSystem": "linux",
            "architecture": "amd64",
            "containerRuntimeVersion": "standin://1",
            "osImage": "none",
            "kernelVersion": "none",
            "machineID": name,
            "systemUUID": name,
            "bootID": name,
            "kubeProxyVersion": "none",
        },
    }
    if kubelet_port is not None:
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": kubelet_port}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**well_known, **labels}},
        "spec": {"taints": [dict(taint) for taint in taints]},
        "status": status,
    }
