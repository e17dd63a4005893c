"""Calculate how many more detectors of a class fit on the nodes, as the scheduler counts: by requests.

Kubernetes, "Resource Management for Pods and Containers": a pod requests the sum of its containers, or what the
largest of its init containers requests if that is more, and its overhead.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vigil_operator.core.quantities import canonical_quantity, quantity_value

Body = Mapping[str, Any]
Amounts = Mapping[str, Decimal]

BLOCKING_EFFECTS = frozenset({"NoSchedule", "NoExecute"})

IN_BYTES = frozenset({"memory", "ephemeral-storage"})
KIBIBYTE = 1024

WITHOUT_RIGHTS = (
    "The operator may not list nodes and pods, so it does not know the room. With the chart, set operator.readNodes."
)
WITH_AFFINITY = "The room is unknown: the pod template of the class has an affinity. Only the scheduler evaluates it."
WITH_CLAIMS = "The room is unknown: the class requests devices by resource claims. Only the scheduler evaluates them."
BY_DEVICE_CLASS = (
    "The room is unknown: a DeviceClass of the cluster offers {name}, so the scheduler allocates it by a resource"
    " claim. Only the scheduler evaluates those."
)

DEVICE_CLASS_PREFIX = "deviceclass.resource.kubernetes.io/"
"""Each DeviceClass offers an extended resource of this prefix and its own name (Kubernetes, "Extended resource
allocation by DRA")."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the scheduler sees it."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Body, ...]
    allocatable: Amounts
    is_schedulable: bool


@dataclass(frozen=True, slots=True)
class NodeUse:
    """The nodes of the cluster, and what the pods on each of them request."""

    nodes: tuple[Node, ...]
    used: Mapping[str, Amounts]
    by_device_class: frozenset[str] = frozenset()
    """Extended resources that are allocated by dynamic resource allocation, although pods request them like others:
    nodes do not offer them."""


@dataclass(frozen=True, slots=True)
class Room:
    """The room for detectors of one class."""

    nodes: int
    allocatable: Amounts
    free: Amounts
    detectors: int


def node_from_body(body: Body) -> Node:
    """Return a node. One that is not ready or cordoned is not schedulable."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    ready = any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    return Node(
        name=body["metadata"]["name"],
        labels=dict(body["metadata"].get("labels") or {}),
        taints=tuple(spec.get("taints") or ()),
        allocatable=_amounts(status.get("allocatable") or {}),
        is_schedulable=ready and not spec.get("unschedulable"),
    )


def pod_use(body: Body) -> tuple[str, Amounts] | None:
    """Return a pod's node and what it requests there; None for one without a node, and for a finished one."""
    spec, phase = body.get("spec") or {}, (body.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in {"Succeeded", "Failed"}:
        return None
    return spec["nodeName"], {**pod_requests(spec), "pods": Decimal(1)}


def offered_resource(body: Body) -> str | None:
    """Return the extended resource that a DeviceClass offers by a name of its own; None without one."""
    return (body.get("spec") or {}).get("extendedResourceName")


def node_use(
    nodes: Iterable[Node], pods: Iterable[tuple[str, Amounts]], by_device_class: Iterable[str] = ()
) -> NodeUse:
    """Return the nodes with what the pods request on each of them, from `pod_use`."""
    used: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for name, amounts in pods:
        _add(used[name], amounts)
    return NodeUse(tuple(nodes), used, frozenset(by_device_class))


def pod_requests(spec: Body) -> dict[str, Decimal]:
    """Return what a pod requests, by resource."""
    total: dict[str, Decimal] = {}
    largest: dict[str, Decimal] = {}
    for container in spec.get("containers") or ():
        _add(total, _requests(container))
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":  # a sidecar runs beside the others
            _add(total, _requests(container))
            continue
        for name, amount in _requests(container).items():
            largest[name] = max(amount, largest.get(name, Decimal(0)))
    requests = {name: max(total.get(name, Decimal(0)), largest.get(name, Decimal(0))) for name in total | largest}
    requests |= _requests(spec)  # of the pod as a whole, which replace those of its containers
    _add(requests, _amounts(spec.get("overhead") or {}))
    return requests


def room_problem(spec: Body, by_device_class: Collection[str] = ()) -> str | None:
    """Return why the room for such pods cannot be calculated; None if it can."""
    if (spec.get("affinity") or {}).get("nodeAffinity") or (spec.get("affinity") or {}).get("podAntiAffinity"):
        return WITH_AFFINITY
    if spec.get("resourceClaims"):
        return WITH_CLAIMS
    names = [name for name in pod_requests(spec) if name in by_device_class or name.startswith(DEVICE_CLASS_PREFIX)]
    return BY_DEVICE_CLASS.format(name=names[0]) if names else None


def room_for(spec: Body, use: NodeUse) -> Room:
    """Return the room for pods like `spec`, on the nodes that its selector and tolerations permit."""
    wanted = {name: amount for name, amount in pod_requests(spec).items() if amount > 0} | {"pods": Decimal(1)}
    usable = [node for node in use.nodes if _permits(node, spec)]
    allocatable: dict[str, Decimal] = dict.fromkeys(wanted, Decimal(0))
    free = dict(allocatable)
    detectors = 0
    for node in usable:
        used = use.used.get(node.name, {})
        offered = {name: node.allocatable.get(name, Decimal(0)) for name in wanted}
        left = {name: max(amount - used.get(name, Decimal(0)), Decimal(0)) for name, amount in offered.items()}
        _add(allocatable, offered)
        _add(free, left)
        detectors += min(int(left[name] // amount) for name, amount in wanted.items())
    return Room(len(usable), allocatable, free, detectors)


def capacity_status(spec: Body, use: NodeUse | None, *, waiting: int, asleep: int) -> dict[str, Any]:
    """Return `status.capacity` of a class. `spec`: of its pods. `use`: None if the operator may not read nodes.

    `waiting`: cameras whose detector waits for a node. As long as there is one, there is no room for a further one.
    """
    requests = {name: amount for name, amount in pod_requests(spec).items() if amount > 0}
    status: dict[str, Any] = {"requests": rendered(requests), "waiting": waiting, "asleep": asleep}
    problem = room_problem(spec, use.by_device_class if use is not None else ())
    if problem is None and use is None:
        problem = WITHOUT_RIGHTS
    if problem is None and use is not None:
        room = room_for(spec, use)
        status |= {"nodes": room.nodes, "allocatable": rendered(room.allocatable), "free": rendered(room.free)}
        return status | {"room": max(room.detectors - waiting, 0)}
    return status | ({"room": 0} if waiting else {}) | {"message": problem}


def rendered(amounts: Amounts) -> dict[str, str]:
    """Return amounts as quantities, by name; without the number of pods, which is part of no request."""
    return {name: _quantity(name, amount) for name, amount in sorted(amounts.items()) if name != "pods"}


def _quantity(name: str, amount: Decimal) -> str:
    if name in IN_BYTES and amount % KIBIBYTE == 0:
        return canonical_quantity(f"{amount // KIBIBYTE}Ki")
    return canonical_quantity(format(amount.normalize(), "f"))


def _permits(node: Node, spec: Body) -> bool:
    selector: Mapping[str, str] = spec.get("nodeSelector") or {}
    if not node.is_schedulable or any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    tolerations: Sequence[Body] = spec.get("tolerations") or ()
    blocking = [taint for taint in node.taints if taint.get("effect") in BLOCKING_EFFECTS]
    return all(any(_tolerates(toleration, taint) for toleration in tolerations) for taint in blocking)


def _tolerates(toleration: Body, taint: Body) -> bool:
    if toleration.get("effect") not in {None, "", taint.get("effect")}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key", "") in {"", taint.get("key")}
    return toleration.get("key") == taint.get("key") and toleration.get("value", "") == taint.get("value", "")


def _requests(holder: Body) -> dict[str, Decimal]:
    return _amounts((holder.get("resources") or {}).get("requests") or {})


def _amounts(quantities: Body) -> dict[str, Decimal]:
    """Return quantities as numbers; a form that Vigil's own specs cannot have (such as 1e3) counts as nothing."""
    found = {}
    for name, quantity in quantities.items():
        try:
            found[name] = quantity_value(quantity)
        except ValueError:
            continue
    return found


def _add(total: dict[str, Decimal], amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, Decimal(0)) + amount
