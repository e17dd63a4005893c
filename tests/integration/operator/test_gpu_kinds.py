"""Every kind of GPU that a class can request, with the real scheduler; and a class without a GPU."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Installation
from tests.unit.operator.builders import SETTINGS

from vigil_operator.core.capacity import node_from_body, node_use, pod_use, room_for
from vigil_operator.core.class_status import build_trial
from vigil_operator.core.specs import parse_class_spec

pytestmark = pytest.mark.timeout(600)

ON_THE_NODE = {"nvidia.com/mig-1g.10gb": 1, "nvidia.com/gpu.shared": 2, "amd.com/gpu": 2, "gpu.intel.com/xe": 1}
ULTRALYTICS = {"runtime": "ultralytics", "model": "yolov8n"}
TRITON = "http://triton.vigil-inference:8000"


def detector_class(name: str, **spec: Any) -> Document:
    return {"apiVersion": "vigil.dev/v1alpha1", "kind": "DetectorClass", "metadata": {"name": name}, "spec": spec}


def rooms(installation: Installation, classes: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Return the room of each class with a GPU, from the nodes and pods of the API server."""
    nodes, pods = (installation.cluster.http.get(f"/api/v1/{plural}")["items"] for plural in ("nodes", "pods"))
    use = node_use(map(node_from_body, nodes), filter(None, map(pod_use, pods)))
    found = {}
    for name, spec in classes.items():
        if "gpu" in spec:
            parsed = parse_class_spec({"runtime": "openvino", **spec})
            trial = build_trial(name, parsed, SETTINGS, installation.namespace)
            found[name] = room_for(trial["spec"]["template"]["spec"], use).detectors
    return found


def test_gpu_kinds_are_scheduled_and_excess_cameras_fall_back(installation: Installation) -> None:
    cluster, namespace, view = installation.cluster, installation.namespace, installation.view
    classes: dict[str, dict[str, Any]] = {
        "mig": {
            **ULTRALYTICS,
            "gpu": {"resourceName": "nvidia.com/mig-1g.10gb"},
            "fallback": {"className": f"triton-{namespace}", "afterSeconds": 600},
        },
        "shared": {**ULTRALYTICS, "gpu": {"resourceName": "nvidia.com/gpu.shared"}},
        "amd": {**ULTRALYTICS, "device": "cuda", "gpu": {"resourceName": "amd.com/gpu", "count": 2}},
        "intel": {"gpu": {"resourceName": "gpu.intel.com/xe"}},
        "triton": {"runtime": "triton", "model": "yolov8n", "triton": {"url": TRITON}},
    }
    made = [detector_class(f"{name}-{namespace}", **spec) for name, spec in classes.items()]
    cluster.apply(made)
    wanted = ["mig", "mig", "shared", "shared", "amd", "amd", "intel", "triton"]
    with installation.node(gpus=ON_THE_NODE):
        assert rooms(installation, classes) == {"mig": 1, "shared": 2, "amd": 1, "intel": 1}
        cameras: dict[str, list[str]] = {}
        for number, kind in enumerate(wanted):
            camera = installation.add_camera(number, detector_class_name=f"{kind}-{namespace}")
            cameras.setdefault(kind, []).append(f"cam-{camera}")
        # One MIG slice for two cameras, and two AMD GPUs for two cameras that request two each.
        eventually(lambda: sorted(view.phases().values()) == ["Pending"] * 2 + ["Streaming"] * 6, timeout_seconds=60)
        waiting = [name for name, phase in view.phases().items() if phase == "Pending"]
        for kind, asked in (("mig", "1 x nvidia.com/mig-1g.10gb"), ("amd", "2 x amd.com/gpu")):
            (camera_name,) = set(waiting) & set(cameras[kind])
            eventually(lambda name=camera_name: view.condition(name, "Ready")["reason"] == "InsufficientGPU")  # type: ignore[misc]
            assert f"Asked for {asked}." in view.condition(camera_name, "Scheduled")["message"]
        # The scheduler agrees about the room that there was.
        assert rooms(installation, classes) == {"mig": 0, "shared": 0, "amd": 0, "intel": 0}
        (intel,) = cameras["intel"]
        (container,) = view.deployments()[f"{intel}-detector"]["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["gpu.intel.com/xe"] == "1"

        # A camera of the shared server has no GPU, but the server's address and network access to it.
        (served,) = cameras["triton"]
        (container,) = view.deployments()[f"{served}-detector"]["spec"]["template"]["spec"]["containers"]
        environment = {each["name"]: each.get("value") for each in container["env"]}
        assert (environment["VIGIL_TRITON_URL"], environment["VIGIL_MODEL"]) == (TRITON, "yolov8n")
        assert not any("/" in resource for resource in container["resources"]["limits"])
        egress = view.network_policies()[f"{served}-detector"]["spec"]["egress"]
        namespaces = [rule["to"][0].get("namespaceSelector") for rule in egress if "to" in rule]
        assert {"matchLabels": {"kubernetes.io/metadata.name": "vigil-inference"}} in namespaces

        # The camera without a slice moves there after its wait; the AMD camera has no fallback and keeps waiting.
        classes["mig"]["fallback"]["afterSeconds"] = 10  # not earlier: until here it had to be waiting
        cluster.apply(detector_class(f"mig-{namespace}", **classes["mig"]))
        (unlucky,) = set(waiting) & set(cameras["mig"])
        eventually(
            lambda: view.camera(unlucky)["status"].get("detector", {}).get("class") == f"triton-{namespace}",
            timeout_seconds=60,
        )
        eventually(lambda: view.phases()[unlucky] == "Streaming", timeout_seconds=60)
        assert sorted(view.phases().values()) == ["Pending"] + ["Streaming"] * 7
    for item in made:
        cluster.kubectl("delete", "detectorclass", item["metadata"]["name"])
