"""Golden files of the written manifests; update them with `VIGIL_UPDATE_GOLDEN=1 pytest …`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.unit.operator.builders import PASSWORD, camera_spec, configuration, plan

from vigil_operator.core.desired.deployment import CUDA_VARIABLES, build_deployment
from vigil_operator.core.desired.network_policy import build_network_policy
from vigil_operator.core.desired.secret import build_secret
from vigil_operator.core.desired.volume import build_volume_claim
from vigil_operator.core.specs import RESERVED_VARIABLES
from vigil_operator.core.sync_plan import build_camera

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
GOLDEN = Path(__file__).parent / "golden"
SUPPORTED = ["1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36"]

DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "deployment-gpu": {
        "gpu": {"resourceName": "nvidia.com/gpu", "count": 1},
        "runtime": "ultralytics",
        "model": "yolov8n.engine",
        "runtimeClassName": "nvidia",
        "nodeSelector": {"vigil.dev/pool": "gpu"},
        "priorityClassName": "vigil-detectors",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "4Gi"}},
    },
    "deployment-cpu": {"resources": {"requests": {"cpu": 1, "memory": "512Mi"}, "limits": {"memory": "2Gi"}}},
    "deployment-claim": {
        "gpu": {"resourceClaimTemplateName": "gpu-slice"},
        "spool": {"persistentVolumeClaim": {}},
        "imagePullSecrets": [{"name": "registry"}],
        "imagePullPolicy": "IfNotPresent",
    },
    "deployment-triton": {
        "runtime": "triton",
        "model": "yolov8n",
        "triton": {"url": "http://triton.vigil-inference:8000"},
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    },
    "deployment-mig": {
        "gpu": {"resourceName": "nvidia.com/mig-1g.10gb"},
        "runtime": "ultralytics",
        "model": "yolov8n",
    },
    "deployment-shared": {
        "gpu": {"resourceName": "nvidia.com/gpu.shared"},
        "runtime": "ultralytics",
        "model": "yolov8n",
        "sharedMemory": "1024Mi",
        "env": [{"name": "CUDA_CACHE_MAXSIZE", "value": "1048576"}],
    },
    "deployment-amd": {
        "gpu": {"resourceName": "amd.com/gpu", "count": 2},
        "runtime": "ultralytics",
        "model": "yolov8n",
        "device": "cuda",
        "env": [
            {"name": "VIGIL_MODEL_INT8", "value": "0"},
            {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
            {"name": "EMPTY"},
        ],
    },
    "deployment-template": {
        "runtime": "ultralytics",
        "model": "/models/yard.engine",
        "device": "cuda",
        "podTemplate": {
            "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "cameras"}},
            "spec": {
                "hostUsers": False,
                "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}],
                "resourceClaims": [{"name": "shared", "resourceClaimName": "one-gpu"}],
                "containers": [
                    {
                        "name": "detector",
                        "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
                        "resources": {"claims": [{"name": "shared"}]},
                    }
                ],
            },
        },
    },
    "deployment-intel": {
        "gpu": {"resourceName": "gpu.intel.com/xe"},
        "runtime": "openvino",
        "supplementalGroups": [992],
    },
}


def _is_secret(variable: dict[str, Any]) -> bool:
    return "secretKeyRef" in variable.get("valueFrom", {})


def check(name: str, manifest: dict[str, Any]) -> None:
    path = GOLDEN / f"{name}.yaml"
    text = yaml.safe_dump(manifest, sort_keys=True, width=110)
    if os.environ.get("VIGIL_UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_deployment(name: str) -> None:
    check(name, build_deployment(plan(class_name=name.removeprefix("deployment-"), **DEPLOYMENTS[name])))


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_only_a_class_can_add_a_secret_to_the_environment(name: str) -> None:
    spec = DEPLOYMENTS[name]
    deployment = build_deployment(plan(class_name="any", **spec))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    by_reference = [variable["name"] for variable in container["env"] if _is_secret(variable)]
    assert by_reference == [variable["name"] for variable in spec.get("env", []) if _is_secret(variable)]


def resources_of(**spec: Any) -> dict[str, Any]:
    deployment = build_deployment(plan(class_name="any", runtime="openvino", **spec))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container["resources"]
    return found


@pytest.mark.parametrize(
    ("requests", "limits", "result"),
    [
        ({}, {}, ({"cpu": "500m", "memory": "512Mi"}, {"memory": "2Gi"})),
        ({}, {"cpu": 2}, ({"cpu": "500m", "memory": "512Mi"}, {"cpu": "2", "memory": "2Gi"})),
        ({}, {"memory": "256Mi"}, ({"cpu": "500m", "memory": "256Mi"}, {"memory": "256Mi"})),
        ({}, {"cpu": "100m"}, ({"cpu": "100m", "memory": "512Mi"}, {"cpu": "100m", "memory": "2Gi"})),
        ({"memory": "4Gi"}, {}, ({"cpu": "500m", "memory": "4Gi"}, {"memory": "4Gi"})),
        ({"cpu": 1}, {"memory": "1Gi"}, ({"cpu": "1", "memory": "512Mi"}, {"memory": "1Gi"})),
    ],
)
def test_resources_have_defaults_one_by_one(
    requests: dict[str, Any], limits: dict[str, Any], result: tuple[dict[str, str], dict[str, str]]
) -> None:
    found = resources_of(resources={"requests": requests, "limits": limits})
    assert (found["requests"], found["limits"]) == (result[0], {**result[1], "ephemeral-storage": "2Gi"})


def test_ephemeral_storage_has_room_for_the_spool() -> None:
    """A pod above its limit is evicted, and an emptyDir counts."""
    assert resources_of(spool={"sizeLimit": "5Gi"})["limits"]["ephemeral-storage"] == "6Gi"
    volume = {"sizeLimit": "5Gi", "persistentVolumeClaim": {}}
    assert resources_of(spool=volume)["limits"]["ephemeral-storage"] == "1Gi"


def test_environment_of_every_class_of_the_chart() -> None:
    """Of detectors of cameras that have nothing but a URL; `manifests/samples` is rendered from the chart."""
    classes = yaml.load_all((SAMPLES / "detector-classes.yaml").read_text(), Loader=yaml.CSafeLoader)
    environments = {}
    for each in classes:
        deployment = build_deployment(plan(class_name=each["metadata"]["name"], **each["spec"]))
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        values = {variable["name"]: variable.get("value", "(by reference)") for variable in container["env"]}
        environments[each["metadata"]["name"]] = {"image": container["image"], **values}
        assert values.keys() - {"NVIDIA_VISIBLE_DEVICES", *CUDA_VARIABLES} <= RESERVED_VARIABLES, (
            "a class could set it differently"
        )
    check("chart-classes", environments)


def test_secret() -> None:
    check("secret", build_secret(plan()))


def test_network_policy() -> None:
    check("network-policy", build_network_policy(plan()))


def test_network_policy_of_a_class_that_shares_a_server() -> None:
    check("network-policy-triton", build_network_policy(plan(**DEPLOYMENTS["deployment-triton"])))


def test_volume_claim() -> None:
    claim = build_volume_claim(
        plan(spool={"sizeLimit": "2Gi", "persistentVolumeClaim": {"storageClassName": "fast"}})
    )
    assert claim is not None
    check("volume-claim", claim)
    assert build_volume_claim(plan()) is None


def test_camera_created_from_the_api() -> None:
    found = configuration(detector_class_name="cpu", url="rtsp://u:p@10.0.0.7/s?channel=1&password=p")
    check("camera", build_camera(found, "vigil-cameras", "cam-7"))


def schemas_of(name: str) -> list[str]:
    """Dynamic resource allocation is GA since 1.34; before 1.31 it was written in another way."""
    return SUPPORTED[6:] if name in {"deployment-claim", "deployment-template"} else SUPPORTED


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (name, version)
        for name in [*DEPLOYMENTS, "secret", "network-policy", "network-policy-triton", "volume-claim"]
        for version in schemas_of(name)
    ],
)
def test_every_supported_kubernetes_accepts_it(name: str, version: str) -> None:
    manifest = yaml.load((GOLDEN / f"{name}.yaml").read_text(), Loader=yaml.CSafeLoader)
    kubernetes_validate.validate(manifest, version, strict=True)


def test_secret_values_are_only_in_the_secret() -> None:
    deployment = yaml.safe_dump(build_deployment(plan(spec=camera_spec())))
    assert PASSWORD not in deployment
    assert "token-of-cam-7" not in deployment
    resource = yaml.safe_dump(build_camera(configuration(), "vigil-cameras", "cam-7"))
    assert PASSWORD not in resource
    assert PASSWORD.replace("@", "%40") not in resource
    assert "admin" not in resource
