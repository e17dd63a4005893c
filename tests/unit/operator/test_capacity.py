"""How many more detectors of a class fit, and what the status of the class says about it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.operator.builders import GPU_CLASS, SETTINGS
from tests.unit.operator.kube_server import Document, MemoryTransport

from vigil_operator.core.capacity import (
    NodeUse,
    capacity_status,
    node_from_body,
    node_use,
    pod_requests,
    pod_use,
    room_for,
)
from vigil_operator.core.class_status import build_trial
from vigil_operator.core.specs import parse_class_spec
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.node_reader import NodeReader

GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


def node(
    name: str = "n1",
    *,
    taints: tuple[Document, ...] = (),
    ready: bool = True,
    labels: dict[str, str] | None = None,
    spec: Document | None = None,
    offers: dict[str, str] | None = None,
) -> Document:
    usual = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints), **(spec or {})},
        "status": {
            "allocatable": usual | (offers or {}),
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def pod(on: str = "n1", *, phase: str = "Running", gpus: str = "0", cpu: str = "0") -> Document:
    requests = {"cpu": cpu, GPU: gpus}
    return {
        "metadata": {"name": "p"},
        "spec": {"nodeName": on, "containers": [{"resources": {"requests": requests}}]},
        "status": {"phase": phase},
    }


def use(*nodes: Document, pods: tuple[Document, ...] = (), device_classes: tuple[str, ...] = ()) -> NodeUse:
    found = [pod_use(body) for body in pods]
    known = [each for each in found if each is not None]
    return node_use([node_from_body(body) for body in nodes], known, device_classes)


def detector(**spec: Any) -> Document:
    """The pods of a class."""
    chosen = parse_class_spec({"runtime": "openvino", "resources": {"requests": {"cpu": 1, "memory": "1Gi"}}, **spec})
    template: Document = build_trial("c", chosen, SETTINGS, "vigil-cameras")["spec"]["template"]["spec"]
    return template


SHARED: dict[str, Any] = {**GPU_CLASS, "gpu": {"resourceName": "nvidia.com/gpu.shared"}}
MIG: dict[str, Any] = {**GPU_CLASS, "gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}}


def requesting_pod(resource: str) -> Document:
    found = pod()
    found["spec"]["containers"][0]["resources"]["requests"][resource] = "1"
    return found


ROOMS: dict[str, tuple[Document, NodeUse, int]] = {
    "cores decide": (detector(), use(node()), 4),
    "memory decides": (detector(), use(node(offers={"memory": "2Gi"})), 2),
    "pods decide": (detector(), use(node(offers={"pods": "3"}), pods=(pod(),)), 2),
    "the rest of each node counts by itself": (
        detector(),
        use(node(offers={"cpu": "1500m"}), node("n2", offers={"cpu": "1500m"})),
        2,
    ),
    "other pods need room": (detector(), use(node(), pods=(pod(cpu="2500m"), pod(cpu="500m"))), 1),
    "finished pods do not": (detector(), use(node(), pods=(pod(phase="Succeeded", cpu="3"),)), 4),
    "pods without a node do not": (detector(), use(node(), pods=(pod("", cpu="3"),)), 4),
    "a node that is not ready": (detector(), use(node(ready=False)), 0),
    "a node that is cordoned": (detector(), use(node(spec={"unschedulable": True})), 0),
    "GPUs decide": (detector(**GPU_CLASS), use(node(offers={GPU: "2"}), node("n2")), 2),
    "GPUs are used": (detector(**GPU_CLASS), use(node(offers={GPU: "2"}), pods=(pod(gpus="2"),)), 0),
    "a taint": (detector(), use(node(taints=(TAINT,))), 0),
    "a taint that only prefers": (detector(), use(node(taints=({**TAINT, "effect": "PreferNoSchedule"},))), 4),
    "a taint that is tolerated": (
        detector(tolerations=[{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]),
        use(node(taints=(TAINT,))),
        4,
    ),
    "a taint of another value": (
        detector(tolerations=[{"key": GPU, "value": "other"}]),
        use(node(taints=(TAINT,))),
        0,
    ),
    "a selector": (
        detector(nodeSelector={"zone": "yard"}),
        use(node(), node("n2", labels={"zone": "yard"}, offers={"cpu": "2"})),
        2,
    ),
    "time slices count as often as they are offered": (
        detector(**SHARED),
        use(node(offers={"nvidia.com/gpu.shared": "4", GPU: "0"}), pods=(requesting_pod("nvidia.com/gpu.shared"),)),
        3,
    ),
    "MIG slices of one profile": (
        detector(**MIG),
        use(node(offers={"nvidia.com/mig-1g.10gb": "2", "nvidia.com/mig-3g.40gb": "1", GPU: "0"})),
        2,
    ),
    "two GPUs for each detector": (
        detector(**{**GPU_CLASS, "gpu": {"resourceName": GPU, "count": 2}}),
        use(node(offers={GPU: "3"}), node("n2", offers={GPU: "2"})),
        2,
    ),
    "no node at all": (detector(), use(), 0),
}


@pytest.mark.parametrize("case", ROOMS)
def test_room(case: str) -> None:
    spec, found, detectors = ROOMS[case]
    assert room_for(spec, found).detectors == detectors


def requesting(cpu: str, **changes: Any) -> Document:
    return {"resources": {"requests": {"cpu": cpu}}, **changes}


@pytest.mark.parametrize(
    ("spec", "cores"),
    [
        ({"containers": [requesting("1"), requesting("500m")]}, "1.5"),
        (
            {"containers": [requesting("1")], "initContainers": [requesting("3")], "overhead": {"cpu": "250m"}},
            "3.25",
        ),
        ({"containers": [requesting("1")], "initContainers": [requesting("2", restartPolicy="Always")]}, "3"),
        ({"containers": [requesting("1")], **requesting("2")}, "2"),
        ({"containers": [{}]}, "0"),
    ],
    ids=["sum", "init container and overhead", "sidecar", "of the pod", "none"],
)
def test_requests_of_a_pod(spec: Document, cores: str) -> None:
    assert pod_requests(spec).get("cpu", Decimal(0)) == Decimal(cores)


def test_status_of_a_class() -> None:
    found = use(node(offers={GPU: "4"}), node("n2"), pods=(pod(gpus="1", cpu="500m"),))
    spec = detector(**GPU_CLASS, resources={"requests": {"cpu": "500m", "memory": "1Gi"}})
    assert capacity_status(spec, found, waiting=0, asleep=3) == {
        "requests": {"cpu": "500m", "memory": "1Gi", GPU: "1"},
        "waiting": 0,
        "asleep": 3,
        "nodes": 2,
        "allocatable": {"cpu": "8", "memory": "32Gi", GPU: "4"},
        "free": {"cpu": "7500m", "memory": "32Gi", GPU: "3"},
        "room": 3,
    }
    assert capacity_status(spec, found, waiting=2, asleep=0)["room"] == 1
    assert capacity_status(spec, found, waiting=9, asleep=0)["room"] == 0


CLAIMS = detector(runtime="ultralytics", model="yolov8n", device="cuda", gpu={"resourceClaimTemplateName": "one-gpu"})
BY_CLASS = {
    **GPU_CLASS,
    "gpu": {"resourceName": "deviceclass.resource.kubernetes.io/gpu.nvidia.com"},
    "device": "cuda",
}
IN_ZONE = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}
AFFINITY = detector(
    podTemplate={"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": IN_ZONE}}}}
)


@pytest.mark.parametrize(
    ("spec", "found", "waiting", "room", "message"),
    [
        (detector(), None, 0, None, "set operator.readNodes"),
        (detector(), None, 1, 0, "set operator.readNodes"),
        (CLAIMS, use(node()), 0, None, "resource claims"),
        (AFFINITY, use(node()), 0, None, "affinity"),
        (
            detector(**GPU_CLASS),
            use(node(), device_classes=(GPU,)),
            0,
            None,
            f"a DeviceClass of the cluster offers {GPU}",
        ),
        (detector(**GPU_CLASS), use(node(), device_classes=(GPU,)), 2, 0, "DeviceClass"),
        (detector(**BY_CLASS), use(node()), 0, None, "DeviceClass"),
    ],
    ids=[
        "no rights",
        "no rights, but a camera waits",
        "claims",
        "affinity",
        "offered by a DeviceClass",
        "offered by a DeviceClass, and cameras wait",
        "named by its DeviceClass",
    ],
)
def test_unknown_room_is_explained(
    spec: Document, found: NodeUse | None, waiting: int, room: int | None, message: str
) -> None:
    status = capacity_status(spec, found, waiting=waiting, asleep=0)
    assert status.get("room") == room
    assert message in status["message"]


def test_reader_lists_nodes_pods_and_device_classes() -> None:
    server = MemoryTransport()
    server.objects["/api/v1/nodes/n1"] = node()
    server.objects["/api/v1/pods/p"] = pod(cpu="3")
    reader = NodeReader(KubeClient(server))
    asyncio.run(reader.read())
    assert reader.use is not None
    assert room_for(detector(), reader.use).detectors == 1
    assert reader.use.by_device_class == set()
    for name, spec in (("a", {"extendedResourceName": GPU}), ("b", {"selectors": []})):
        path = f"/apis/resource.k8s.io/v1/deviceclasses/{name}"
        server.objects[path] = {"metadata": {"name": name}, "spec": spec}
    asyncio.run(reader.read())
    assert reader.use.by_device_class == {GPU}
    for status in (403, 404):
        server.fail = lambda method, path, status=status: status if "deviceclasses" in path else None  # type: ignore[misc]
        asyncio.run(reader.read())
        assert reader.use.by_device_class == set(), "Kubernetes before 1.34, or a role of an older chart"
    server.fail = lambda method, path: 403
    asyncio.run(reader.read())
    assert reader.use is None, "old figures must not stay"
