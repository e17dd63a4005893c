"""Upgrade and rollback of the definitions with a thousand stored cameras, without any restart."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import ROOT, Document, Installation, install_definitions, reading

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

STORED = 1000
PREFIX = "/apis/vigil.dev/v1alpha1/namespaces"


def another_version() -> Document:
    """Return the definition with an additional field, default and printer column, and a wider limit."""
    found: Document = yaml.load(
        (ROOT / "manifests" / "crds" / "cameras.vigil.dev.yaml").read_text(), Loader=yaml.CSafeLoader
    )
    changed = copy.deepcopy(found)
    version = changed["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["retentionDays"] = {"type": "integer", "description": "New.", "default": 30, "minimum": 1}
    spec["properties"]["displayName"]["maxLength"] += 100
    version["additionalPrinterColumns"].append(
        {"name": "Retention", "type": "integer", "jsonPath": ".spec.retentionDays"}
    )
    return changed


def test_crd_upgrade_and_rollback_restart_nothing(installation: Installation) -> None:
    cluster, operator, view = installation.cluster, installation.operator, installation.view
    elsewhere = cluster.create_namespace(f"{installation.namespace}-stored")
    path = f"{PREFIX}/{elsewhere}/cameras"
    with (
        installation.node(gpus={"nvidia.com/gpu": 4}),
        ThreadPoolExecutor(8) as pool,
        installation.api() as api,
    ):
        ids = [installation.add_camera(number) for number in (1, 2)]
        eventually(lambda: list(view.phases().values()) == ["Streaming"] * 2, timeout_seconds=60)
        list(pool.map(lambda number: cluster.http.create(path, stored(elsewhere, number)), range(STORED)))
        before = specs(cluster, path)
        assert len(before) == STORED
        pods, mark = set(view.pods()), cluster.audit_mark()

        cluster.apply(another_version())
        eventually(partial(has_default, cluster, path, True), timeout_seconds=60)
        assert api.patch(f"/api/cameras/{ids[0]}/", json={"name": "renamed once"}).status_code == 200
        eventually(lambda: view.camera(f"cam-{ids[0]}")["spec"]["displayName"] == "renamed once")

        install_definitions(cluster)
        eventually(partial(has_default, cluster, path, False), timeout_seconds=60)
        assert api.patch(f"/api/cameras/{ids[0]}/", json={"name": "renamed twice"}).status_code == 200
        eventually(lambda: view.camera(f"cam-{ids[0]}")["spec"]["displayName"] == "renamed twice")

        assert specs(cluster, path) == before
        assert set(view.pods()) == pods
        written = {event.resource for event in operator.writes(mark)}
        assert "deployments" not in written, "a detector would have been restarted"
        assert operator.process.is_running
    cluster.delete_namespace(elsewhere, wait=False)


def stored(namespace: str, number: int) -> Document:
    detection = {"zones": [{"name": "a", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}]}
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": f"stored-{number}", "namespace": namespace},
        "spec": {"displayName": f"S{number}", "stream": {"url": f"rtsp://10.3.0.1/{number}"}, "detection": detection},
    }


def specs(cluster: ControlPlane, path: str) -> dict[str, Any]:
    return {item["metadata"]["name"]: item["spec"] for item in cluster.http.get(path)["items"]}


def has_default(cluster: ControlPlane, path: str, wanted: bool) -> bool:
    """Return whether the server sets the new field's default."""
    with reading():
        return ("retentionDays" in cluster.http.get(f"{path}/stored-0")["spec"]) is wanted
