"""manifests/: valid for every supported Kubernetes, minimal permissions, valid samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.unit.operator.test_golden import SUPPORTED

from vigil_contracts.names import DEFAULT_MODEL
from vigil_operator.core.specs import parse_camera_spec, parse_class_spec
from vigil_operator.kube.kinds import CAMERA, CAMERA_POLICY, DETECTOR_CLASS
from vigil_operator.kube.rights import needed_rights
from vigil_operator.kube.watched import WATCHED

FOLDER = Path(__file__).parents[3] / "manifests"


def documents(path: str) -> list[dict[str, Any]]:
    return list(yaml.load_all((FOLDER / path).read_text(), Loader=yaml.CSafeLoader))


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("path", [f"operator/{path.name}" for path in sorted((FOLDER / "operator").glob("*.yaml"))])
def test_every_supported_kubernetes_accepts_them(path: str, version: str) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def rules(kind: str, namespace: str = "") -> list[dict[str, Any]]:
    return [
        rule
        for document in documents("operator/10-rbac.yaml")
        if document["kind"] == kind and document["metadata"].get("namespace", "") == namespace
        for rule in document["rules"]
    ]


def test_no_right_is_a_wildcard() -> None:
    everything = [
        *(rule for namespace in ("vigil-cameras", "vigil-system", "default") for rule in rules("Role", namespace)),
        *rules("ClusterRole"),
    ]
    assert all("*" not in rule[part] for rule in everything for part in ("apiGroups", "resources", "verbs"))


@pytest.mark.parametrize("kind", WATCHED, ids=lambda kind: kind.plural)
def test_rbac_permits_all_watches(kind: Any) -> None:
    found = (
        rules("ClusterRole") if kind in {DETECTOR_CLASS, CAMERA, CAMERA_POLICY} else rules("Role", "vigil-cameras")
    )
    assert any(
        kind.group in rule["apiGroups"]
        and kind.plural in rule["resources"]
        and {"list", "watch"} <= set(rule["verbs"])
        for rule in found
    )


def test_rights_that_are_checked_are_those_that_are_granted() -> None:
    namespaces = {"Role": ["vigil-cameras", "vigil-system"], "ClusterRole": [""]}
    granted = {
        (verb, group, resource, namespace)
        for kind, where in namespaces.items()
        for namespace in where
        for rule in rules(kind, namespace)
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if "resourceNames" not in rule
    }
    needed = {
        (
            right.verb,
            right.kind.group,
            "/".join(filter(None, (right.kind.plural, right.subresource))),
            right.namespace,
        )
        for right in needed_rights(["vigil-cameras"], "vigil-system")
    }
    assert needed == granted


def test_events_about_classes_are_the_only_right_elsewhere() -> None:
    assert rules("Role", "default") == [{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}]
    namespaces = {
        document["metadata"]["namespace"]
        for document in documents("operator/10-rbac.yaml")
        if document["kind"] in {"Role", "RoleBinding"}
    }
    assert namespaces == {"vigil-cameras", "vigil-system", "default"}


def test_secrets_can_be_read_in_the_cameras_namespace_only() -> None:
    assert not any("secrets" in rule["resources"] for rule in [*rules("ClusterRole"), *rules("Role", "vigil-system")])


def test_samples_are_valid_and_name_one_default_class() -> None:
    classes = documents("samples/detector-classes.yaml")
    assert [item["metadata"]["name"] for item in classes] == ["cpu", "gpu", "gpu-shared"]
    for item in classes:
        spec = parse_class_spec(item["spec"])
        assert spec.model == DEFAULT_MODEL
        image = "vigil-detector" if spec.gpu is None else "vigil-detector-gpu"  # the other lacks torch
        assert spec.image.startswith(f"{image}:")
    defaults = [item["metadata"]["name"] for item in classes if item["metadata"].get("annotations")]
    assert defaults == ["gpu"]
    (_, camera) = documents("samples/camera.yaml")
    assert parse_camera_spec(camera["metadata"]["name"], camera["spec"]).detection.zones[0].name == "driveway"


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_sample_of_an_inference_server_is_valid(version: str) -> None:
    *objects, detector_class = documents("samples/triton.yaml")
    for item in objects:
        kubernetes_validate.validate(item, version, strict=True)
    spec = parse_class_spec(detector_class["spec"])
    assert spec.triton is not None
    (service,) = [item for item in objects if item["kind"] == "Service"]
    where = service["metadata"]
    assert spec.triton.url == f"http://{where['name']}.{where['namespace']}:{service['spec']['ports'][0]['port']}"


def test_files_are_applied_in_order_of_dependency() -> None:
    """`kubectl apply -f` goes through a folder by name: namespaces come before what is in them."""
    paths = sorted((FOLDER / "operator").glob("*.yaml"))
    kinds = [document["kind"] for path in paths for document in documents(f"operator/{path.name}")]
    last_namespace = max(index for index, kind in enumerate(kinds) if kind == "Namespace")
    assert last_namespace < kinds.index("Role") < kinds.index("Deployment")
