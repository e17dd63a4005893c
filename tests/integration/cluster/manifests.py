"""Objects and queries shared by the tests of the test cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import Document


def deployment(name: str, replicas: int, limits: Mapping[str, str] | None = None) -> Document:
    """Return a Deployment of pods with `limits` and the label app=<name>."""
    container = {"name": "main", "image": "example.test/none:1", "resources": {"limits": dict(limits or {})}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def create_deployment(cluster: ControlPlane, namespace: str, manifest: Document) -> None:
    cluster.http.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", manifest)


def pods_of(cluster: ControlPlane, namespace: str) -> list[Document]:
    items: list[Document] = cluster.http.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    return items


def only_pod(cluster: ControlPlane, namespace: str) -> Document:
    """Return the only pod of the namespace. Raises AssertionError if there is none or several."""
    pods = pods_of(cluster, namespace)
    assert len(pods) == 1
    return pods[0]


def condition(pod: Document, kind: str) -> dict[str, Any]:
    return next((each for each in pod["status"].get("conditions", []) if each["type"] == kind), {})


def container_state(pod: Document) -> Document:
    """Return the first container's status; empty before a kubelet has reported it."""
    statuses: list[Document] = pod["status"].get("containerStatuses", [{}])
    return statuses[0]


def ready_replicas(cluster: ControlPlane, namespace: str) -> dict[str, int]:
    """Return the number of ready replicas by Deployment."""
    items = cluster.http.get(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    return {item["metadata"]["name"]: item["status"].get("readyReplicas", 0) for item in items}
