"""Kubeconfig files for test users, and the guard that keeps tests away from clusters which are not for testing."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import yaml
from tests.cluster.certificates import KeyPair

MARKER_NAMESPACE = "kube-public"
MARKER_NAME = "vigil-test-cluster"
"""A ConfigMap that only clusters meant for these tests carry. The tests delete and break things as they like."""


class NotATestClusterError(RuntimeError):
    """The kubeconfig names a cluster that does not say that it is there for these tests."""


def write_kubeconfig(
    path: Path, server: str, authority: Path, *, client: KeyPair | None = None, token: str | None = None
) -> Path:
    """Writes a kubeconfig of one context, everything embedded, for a client certificate or a bearer token."""
    user: dict[str, str] = {}
    if client is not None:
        user = {"client-certificate-data": _base64(client.certificate), "client-key-data": _base64(client.key)}
    if token is not None:
        user = {"token": token}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}
        ],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def require_test_cluster(kubectl: Path, kubeconfig: Path) -> None:
    """Raises NotATestClusterError unless the cluster carries the marker, which says how to set it."""
    command = [
        str(kubectl),
        "--kubeconfig",
        str(kubeconfig),
        "--request-timeout=10s",
        "get",
        "configmap",
        MARKER_NAME,
    ]
    answer = subprocess.run(
        [*command, "--namespace", MARKER_NAMESPACE],
        check=False,
        capture_output=True,
        text=True,
        env=clean_environment(),
    )
    if answer.returncode != 0:
        raise NotATestClusterError(
            f"{kubeconfig} is refused: its cluster has no ConfigMap {MARKER_NAMESPACE}/{MARKER_NAME} "
            f"({answer.stderr.strip()}). These tests create, break and delete objects. Where a cluster is there for "
            f"that: kubectl create configmap {MARKER_NAME} --namespace {MARKER_NAMESPACE}"
        )


def clean_environment() -> dict[str, str]:
    """The environment without anything that leads a Kubernetes client to the developer's own cluster."""
    leading = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in leading}
    return environment | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
