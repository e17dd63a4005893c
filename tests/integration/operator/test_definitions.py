"""Upgrade and rollback of the definitions: with a thousand stored cameras, without any restart; and an older one
with a newer operator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import (
    ROOT,
    Document,
    Installation,
    has_openapi_v3,
    install_definitions,
    reading,
)
from tests.integration.operator.test_model_rollout import COST
from tests.integration.operator.test_refusals import CLASSES, detector_class, status

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

STORED = 1000
PREFIX = "/apis/vigil.dev/v1alpha1/namespaces"


def definition(plural: str) -> Document:
    found: Document = yaml.load(
        (ROOT / "manifests" / "crds" / f"{plural}.vigil.dev.yaml").read_text(), Loader=yaml.CSafeLoader
    )
    return found


def another_version() -> Document:
    """Return the definition with an additional field, default and printer column, and a wider limit."""
    changed = definition("cameras")
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


def version_without_rollouts() -> Document:
    """Return the definition of DetectorClass as it was before a class could try a new model."""
    changed = definition("detectorclasses")
    version = changed["spec"]["versions"][0]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        for name in [name for name in properties[part]["properties"] if name.startswith("rollout")]:
            del properties[part]["properties"][name]
    del properties["status"]["properties"]["capacity"]["properties"]["perCamera"]
    rules = properties["spec"]["x-kubernetes-validations"]
    properties["spec"]["x-kubernetes-validations"] = [each for each in rules if "rollout" not in each["rule"]]
    columns = version["additionalPrinterColumns"]
    version["additionalPrinterColumns"] = [each for each in columns if "rollout" not in each["jsonPath"]]
    return changed


def test_operator_that_is_upgraded_before_the_definitions_works(installation: Installation) -> None:
    """It names what is missing, and begins the trial of a model once the definitions have it."""
    cluster, operator = installation.cluster, installation.operator
    name = f"{installation.namespace}-tried"
    tried = detector_class(name, device="cpu", rollout={"model": "yolo11n", "cameraPercent": 100})
    operator.process.kill()
    cluster.apply(version_without_rollouts())
    try:
        eventually(lambda: is_stored_with_rollout(cluster, tried, False), timeout_seconds=60)
        operator.start()
        with installation.node(cpu="8", memory="8Gi"):
            camera_id = installation.add_camera(1, detector_class_name=name)
            eventually(lambda: shadows(installation, camera_id) == [], timeout_seconds=60)
            eventually(lambda: status(cluster, name).get("cameras") == 1, timeout_seconds=30)
            assert "rollout" not in status(cluster, name)
            if has_openapi_v3(cluster):
                line = 'vigil_definition_fields_missing{kind="DetectorClass"}'
                eventually(lambda: operator.metric(line) == 1, timeout_seconds=30)
                assert "the installed definition of DetectorClass lacks spec.rollout:" in operator.log.read_text()
                # Kubernetes 1.20 drops the field instead of refusing the whole status.
                eventually(lambda: is_cost_left_out(installation, camera_id), timeout_seconds=60)
                assert "requests" in status(cluster, name)["capacity"]

            install_definitions(cluster)
            eventually(lambda: is_stored_with_rollout(cluster, tried, True), timeout_seconds=60)
            eventually(
                lambda: status(cluster, name).get("rollout", {}).get("phase") == "Shadowing", timeout_seconds=30
            )
            eventually(lambda: shadows(installation, camera_id) == ["yolo11n"], timeout_seconds=60)
    finally:
        install_definitions(cluster)
        cluster.kubectl("delete", "detclass", name, "--ignore-not-found")


def is_cost_left_out(installation: Installation, camera_id: int) -> bool:
    """Report what the camera costs; return whether the operator has found that the definition has no field for it."""
    with installation.backend.client(installation.backend.token("anna", "pipeline")) as api:
        beat = {"phase": "Streaming", "reason": "Streaming", "cost": COST}
        api.post(f"/api/cameras/{camera_id}/heartbeat/", json=beat).raise_for_status()
    return "DetectorClass lacks status.capacity.perCamera, which is left out" in installation.operator.log.read_text()


def is_stored_with_rollout(cluster: ControlPlane, found: Document, wanted: bool) -> bool:
    """Apply the class; a changed definition is in force a moment after it was applied."""
    name = found["metadata"]["name"]
    cluster.kubectl("apply", "--validate=false", "--filename=-", stdin=yaml.safe_dump(found))
    with reading():
        return ("rollout" in cluster.http.get(f"{CLASSES}/{name}")["spec"]) is wanted


def shadows(installation: Installation, camera_id: int) -> list[str]:
    """Return the model that the camera's detector runs in shadow, if any. The detector must be up."""
    detector = installation.view.deployments().get(f"cam-{camera_id}-detector", {})
    assert detector.get("status", {}).get("readyReplicas") == 1, detector
    variables = detector["spec"]["template"]["spec"]["containers"][0]["env"]
    return [each["value"] for each in variables if each["name"] == "VIGIL_SHADOW_MODEL"]
