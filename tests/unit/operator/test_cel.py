"""The CEL rules of the definitions, compiled and evaluated.

API servers from 1.25 on enforce them, and refuse a definition with one that cannot be compiled against its schema.
What they refuse in an object the operator refuses too, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.operator.cel_schema import Node, RuleError, TypedRules
from tests.unit.operator.test_crds import schema

from vigil_operator.core.policy_spec import parse_policy_spec
from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec, parse_class_spec


def nodes(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    if "x-kubernetes-validations" in node:
        yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if isinstance(node.get("items"), dict):
        yield from nodes(node["items"], f"{path}[]")


ROOTS = {
    "Camera": schema("cameras"),
    "CameraPolicy": schema("camerapolicies"),
    "DetectorClass": schema("detectorclasses"),
}
NODES = {path: node for kind, root in ROOTS.items() for path, node in nodes(root, kind)}
TYPED = {path: TypedRules(node, is_root=path in ROOTS) for path, node in NODES.items()}


def rules(path: str) -> list[str]:
    return [rule["rule"] for rule in NODES[path]["x-kubernetes-validations"]]


def holds(path: str, value: Any, old: Any = None) -> bool:
    """Whether all rules at `path` hold."""
    return all(TYPED[path].holds(rule, value, old) for rule in rules(path))


def at(value: Any, path: str) -> Iterator[Any]:
    """What an object has at a path such as `Camera.spec.detection.zones[]`; nothing where it is not set."""
    found = [value]
    for step in path.split(".")[1:]:
        name = step.removesuffix("[]")
        found = [each[name] for each in found if name in each]
        if step.endswith("[]"):
            found = [item for each in found for item in each]
    yield from found


def server_takes(kind: str, value: Node) -> bool:
    """Whether every rule of the definition holds for a new object."""
    return all(
        TYPED[path].holds(rule, part)
        for path in NODES
        if path.partition(".")[0] == kind
        for rule in rules(path)
        if "oldSelf" not in rule
        for part in at(value, path)
    )


def operator_takes(kind: str, value: Node) -> bool:
    try:
        if kind == "Camera":
            parse_camera_spec(value["metadata"]["name"], value["spec"])
        elif kind == "CameraPolicy":
            parse_policy_spec(value["spec"])
        else:
            parse_class_spec(value["spec"])
    except InvalidSpecError:
        return False
    return True


@pytest.mark.parametrize(("path", "rule"), [(path, rule) for path in NODES for rule in rules(path)])
def test_every_rule_compiles_with_the_types_of_its_schema(path: str, rule: str) -> None:
    TYPED[path].compile(rule)


@pytest.mark.parametrize(
    ("path", "rule", "complaint"),
    [
        ("Camera.spec.detection", "has(self.cones)", "undefined field 'cones'"),
        ("Camera.spec.detection", "self.zones.all(zone, zone.title == 'a')", "undefined field 'title'"),
        ("Camera.spec.detection", "self.rules.all(rule, rule.zone == 1)", "no matching overload"),
        ("DetectorClass.spec.runtime", "self.matches(1)", "no matching overload"),
        ("DetectorClass.spec.runtime", "self.size()", "not a bool"),
        ("Camera", "self.metadata.labels['a'] == 'b'", "undefined field 'labels'"),
        ("DetectorClass.spec.gpu", "self.count == '1'", "no matching overload"),
        ("DetectorClass.spec", "nobody(self)", "undeclared reference"),
    ],
)
def test_rule_that_a_server_would_reject_is_found(path: str, rule: str, complaint: str) -> None:
    with pytest.raises(RuleError, match=complaint):
        TYPED[path].compile(rule)


@pytest.mark.parametrize("path", [path for path, node in NODES.items() if "default" in node])
def test_defaults_satisfy_the_rules(path: str) -> None:
    """A server refuses a definition otherwise; it checks a default before it fills in the defaults inside it."""
    assert holds(path, NODES[path]["default"], NODES[path]["default"])


def camera(name: str = "gate", url: str = "rtsp://10.0.0.7/s", **detection: Any) -> Node:
    return {"metadata": {"name": name}, "spec": {"stream": {"url": url}, "detection": detection}}


def camera_with_secret(url: str, **detection: Any) -> Node:
    stream = {"url": url, "credentialsSecretRef": {"name": "gate-credentials"}}
    return {"metadata": {"name": "gate"}, "spec": {"stream": stream, "detection": detection}}


def policy(*expressions: Node, **detection: Any) -> Node:
    selector = {"matchExpressions": list(expressions)}
    return {"metadata": {"name": "p"}, "spec": {"selector": selector, "defaults": {"detection": detection}}}


def detector_class(**spec: Any) -> Node:
    return {"metadata": {"name": "c"}, "spec": {"runtime": "openvino", **spec}}


def ultralytics(**spec: Any) -> Node:
    return detector_class(**{"runtime": "ultralytics", "model": "yolov8n", **spec})


KEY = {"name": "proxy", "key": "url"}
TRIANGLE = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
ZONE = {"name": "a", "points": TRIANGLE}
TRITON = {"url": "http://triton:8000"}
MEANING = {"model": "fire", "alertTypes": [{"label": "fire", "alertType": "fire"}]}


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("Camera", camera(), True),
        ("Camera", camera(name="c" * 52), True),
        ("Camera", camera(name="c" * 53), False),
        ("Camera", camera(url="http://10.0.0.7/s"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/a b"), False),
        ("Camera", camera(url="rtsp://"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/" + "a" * 2032), True),
        ("Camera", camera(url="rtsp://10.0.0.7/" + "a" * 2033), False),
        ("Camera", camera(url="rtsp://admin:secret@10.0.0.7/s"), False),
        ("Camera", camera(url="rtsp://admin@10.0.0.7/s"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/s?user=a&password=b"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/s?PWD=b"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/user@home?channel=1"), True),
        ("Camera", camera(url="rtsp://[fd00::7]:554/user@home"), True),
        ("Camera", camera(url="rtsp://gate.example/user@home"), False),
        ("Camera", camera(url="rtsp://admin:12/34secret@10.0.0.8/live"), False),
        ("Camera", camera(url="rtsp://admin:12?34secret@10.0.0.8/live"), False),
        ("Camera", camera(url="rtsp://admin:12#34secret@10.0.0.8/live"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/user=admin_password=x_channel=1_stream=0.sdp?real_stream"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/user=admin_password=_channel=1_stream=0.sdp"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/user=***_password=***_channel=1_stream=0.sdp"), True),
        ("Camera", camera(url="rtsp://10.0.0.7/live;PWD=secret"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/live?loginuse=a&loginpas=b"), False),
        ("Camera", camera(url="rtsp://10.0.0.7/live%3Fpwd%3Db"), False),
        ("Camera", camera(url="rtsp://10.0.0.7:554/0/admin:secret/main"), False),
        ("Camera", camera(url="rtsp://10.0.0.7:554/trackID:1"), True),
        ("Camera", camera(url="rtsp://10.0.0.7/archive/12:30:00"), True),
        ("Camera", camera(url="rtsp://10.0.0.7/user={username}_password={password}_channel=1"), False),
        ("Camera", camera_with_secret("rtsp://10.0.0.7/user={username}_password={password}_channel=1"), True),
        ("Camera", camera_with_secret("rtsp://10.0.0.7/0/{username}:{password}/main"), True),
        ("Camera", camera_with_secret("rtsp://10.0.0.7/user={username}_password=x_channel=1"), False),
        ("Camera", camera(streamPath="/sub;pwd=secret"), False),
        ("Camera", camera(streamPath="/user=admin_password=x_channel=1_stream=1.sdp"), False),
        ("Camera", camera(streamPath="/user={username}_password={password}_channel=1_stream=1.sdp"), True),
        ("Camera", camera(streamPath="/0/admin:secret/sub"), False),
        ("Camera", camera(streamPath="/cam/realmonitor?channel=1&subtype=1"), True),
        ("Camera", camera(streamPath=""), True),
        ("Camera", camera(streamPath="sub"), False),
        ("Camera", camera(streamPath="//10.0.0.8/sub"), False),
        ("Camera", camera(streamPath="/a b"), False),
        ("Camera", camera(streamPath="/" + "a" * 499), True),
        ("Camera", camera(streamPath="/" + "a" * 500), False),
        ("Camera", camera(displayAspectRatio="16:9"), True),
        ("Camera", camera(displayAspectRatio="1:8"), True),
        ("Camera", camera(displayAspectRatio=""), True),
        ("Camera", camera(displayAspectRatio="9:1"), False),
        ("Camera", camera(displayAspectRatio="1:9"), False),
        ("Camera", camera(zones=[ZONE]), True),
        ("Camera", camera(zones=[{"name": "a", "points": TRIANGLE[:2]}]), False),
        ("Camera", camera(zones=[ZONE], rules=[{"name": "r", "type": "intrusion", "zone": "a"}]), True),
        ("Camera", camera(zones=[ZONE], rules=[{"name": "r", "type": "intrusion", "zone": "b"}]), False),
        ("Camera", camera(rules=[{"name": "r", "type": "intrusion", "zone": "b"}]), False),
        ("Camera", camera(zones=[ZONE], rules=[{"name": "r", "type": "intrusion"}]), False),
        ("Camera", camera(zones=[ZONE], rules=[{"name": "r", "type": "loitering", "zone": "a", "seconds": 9}]), True),
        ("Camera", camera(zones=[ZONE], rules=[{"name": "r", "type": "loitering", "zone": "a"}]), False),
        ("Camera", camera(rules=[{"name": "r", "type": "line_crossing", "line": TRIANGLE[:2]}]), True),
        ("Camera", camera(rules=[{"name": "r", "type": "line_crossing"}]), False),
        ("Camera", camera(models=[MEANING]), True),
        ("Camera", camera(models=[MEANING], model="yolov8n"), False),
        ("Camera", camera(models=[MEANING], prompts=["a red car"]), False),
        ("CameraPolicy", policy(), True),
        ("CameraPolicy", policy({"key": "area", "operator": "In", "values": ["yard"]}), True),
        ("CameraPolicy", policy({"key": "area", "operator": "In"}), False),
        ("CameraPolicy", policy({"key": "area", "operator": "NotIn", "values": []}), False),
        ("CameraPolicy", policy({"key": "area", "operator": "Exists"}), True),
        ("CameraPolicy", policy({"key": "area", "operator": "DoesNotExist", "values": ["yard"]}), False),
        ("CameraPolicy", policy(rules=[{"name": "r", "type": "intrusion", "zone": "gate"}]), True),
        ("CameraPolicy", policy(rules=[{"name": "r", "type": "intrusion"}]), False),
        ("CameraPolicy", policy(rules=[{"name": "r", "type": "line_crossing"}]), False),
        ("DetectorClass", detector_class(), True),
        ("DetectorClass", ultralytics(), True),
        ("DetectorClass", detector_class(resources={"requests": {"cpu": 1, "hugepages-2Mi": "4Mi"}}), True),
        ("DetectorClass", detector_class(resources={"limits": {"ephemeral-storage": "4Gi", "a.com/x": 1}}), True),
        ("DetectorClass", detector_class(resources={"requests": {"memmory": "1Gi"}}), False),
        ("DetectorClass", detector_class(resources={"limits": {"CPU": 1}}), False),
        ("DetectorClass", detector_class(tolerations=[{"operator": "Exists"}]), True),
        ("DetectorClass", detector_class(tolerations=[{"key": "gpu", "value": "yes"}]), True),
        ("DetectorClass", detector_class(tolerations=[{"key": "gpu", "operator": "Exists", "value": "a"}]), False),
        ("DetectorClass", detector_class(tolerations=[{"value": "yes"}]), False),
        ("DetectorClass", detector_class(tolerations=[{"key": "a", "tolerationSeconds": 3}]), False),
        (
            "DetectorClass",
            detector_class(tolerations=[{"key": "a", "effect": "NoExecute", "tolerationSeconds": 0}]),
            True,
        ),
        ("DetectorClass", detector_class(rollout={"model": "yolo11n"}), True),
        ("DetectorClass", detector_class(rollout={"model": "yolov8n"}), False),
        ("DetectorClass", detector_class(model="", rollout={"model": "yolov8n"}), False),
        ("DetectorClass", detector_class(model="a.xml", rollout={"model": "yolov8n"}), True),
        ("DetectorClass", detector_class(model="a.xml", rollout={"model": "a.xml"}), False),
        ("DetectorClass", detector_class(rollout={"model": "b.pt"}), True),
        ("DetectorClass", ultralytics(rollout={"model": "b.pt"}), False),
        ("DetectorClass", ultralytics(rollout={"model": "b.pt", "modelSHA256": "ab" * 32}), True),
        ("DetectorClass", detector_class(runtime="ultralytics"), False),
        ("DetectorClass", ultralytics(model=""), False),
        ("DetectorClass", ultralytics(gpu={"resourceName": "nvidia.com/gpu"}), True),
        ("DetectorClass", ultralytics(gpu={"resourceName": "nvidia.com/mig-1g.10gb"}, decoder="software"), True),
        ("DetectorClass", detector_class(gpu={"resourceName": "nvidia.com/gpu"}), False),
        ("DetectorClass", detector_class(gpu={"resourceName": "nvidia.com/gpu"}, device="cpu"), True),
        ("DetectorClass", detector_class(gpu={"resourceName": "gpu.intel.com/xe"}), True),
        ("DetectorClass", ultralytics(gpu={"resourceName": "amd.com/gpu"}), False),
        ("DetectorClass", ultralytics(gpu={"resourceName": "amd.com/gpu"}, device="cuda"), True),
        ("DetectorClass", ultralytics(device="cuda:1"), True),
        ("DetectorClass", ultralytics(device="intel-gpu"), False),
        ("DetectorClass", detector_class(device="cuda"), False),
        ("DetectorClass", detector_class(device="npu"), True),
        ("DetectorClass", detector_class(precision="bfloat16"), True),
        ("DetectorClass", ultralytics(model="/models/a.pt"), False),
        ("DetectorClass", ultralytics(model="/models/a.pt", modelSHA256="a" * 64), True),
        ("DetectorClass", detector_class(env=[{"name": "A", "value": "b"}]), True),
        ("DetectorClass", detector_class(env=[{"name": "A", "valueFrom": {"secretKeyRef": KEY}}]), True),
        (
            "DetectorClass",
            detector_class(env=[{"name": "A", "value": "b", "valueFrom": {"secretKeyRef": KEY}}]),
            False,
        ),
        ("DetectorClass", detector_class(env=[{"name": "A", "valueFrom": {}}]), False),
        ("DetectorClass", detector_class(gpu={"resourceClaimTemplateName": "slice"}), True),
        (
            "DetectorClass",
            detector_class(gpu={"resourceName": "nvidia.com/gpu", "resourceClaimTemplateName": "slice"}),
            False,
        ),
        ("DetectorClass", detector_class(gpu={"count": 1}), False),
        ("DetectorClass", detector_class(runtime="triton", triton=TRITON, model="yolov8n"), True),
        ("DetectorClass", detector_class(runtime="triton", triton=TRITON, model="y", device="cuda"), False),
        ("DetectorClass", detector_class(runtime="triton", triton=TRITON, model="y", precision="float16"), False),
        (
            "DetectorClass",
            detector_class(runtime="triton", triton=TRITON, model="y", gpu={"resourceName": "nvidia.com/gpu"}),
            True,
        ),
        ("DetectorClass", detector_class(runtime="triton", triton={"url": "http://u:p@triton"}, model="y"), False),
        ("DetectorClass", detector_class(runtime="triton", triton={"url": "http://triton?key=a"}, model="y"), False),
        ("DetectorClass", detector_class(runtime="triton", triton=TRITON, model=""), False),
        ("DetectorClass", detector_class(runtime="triton", triton=TRITON), False),
        ("DetectorClass", detector_class(runtime="triton", model="yolov8n"), False),
    ],
)
def test_server_and_operator_reject_the_same(kind: str, value: Node, right: bool) -> None:
    assert (server_takes(kind, value), operator_takes(kind, value)) == (right, right)


def test_runtimes_cannot_be_changed() -> None:
    assert holds("DetectorClass.spec.runtime", "openvino", "openvino")
    assert not holds("DetectorClass.spec.runtime", "ultralytics", "openvino")


SECRET_FIELDS = (
    "Camera.spec.stream.url",
    "Camera.spec.detection.streamPath",
    "DetectorClass.spec.triton.url",
    "DetectorClass.spec.env[].value",
)
"""Fields into which users write passwords by mistake."""


@pytest.mark.parametrize("path", SECRET_FIELDS)
def test_refusal_shows_no_password(path: str) -> None:
    """A server shows the value if it violates a pattern, an enum or a rule of the field itself."""
    node: Node = {"properties": {path.partition(".")[0]: ROOTS[path.partition(".")[0]]}}
    for step in path.split("."):
        node = node["properties"][step.removesuffix("[]")]
        node = node["items"] if step.endswith("[]") else node
    assert node.keys() <= {"type", "description", "maxLength"}


@pytest.mark.parametrize(
    "path", [path for path in NODES if any(each.startswith(f"{path}.") for each in SECRET_FIELDS)]
)
def test_rules_of_objects_with_passwords_name_the_field(path: str) -> None:
    """With `fieldPath`, the server names the field and shows no value."""
    for rule in NODES[path]["x-kubernetes-validations"]:
        if path not in ROOTS:  # `metadata.name`, of which the root's rule speaks, cannot be named
            assert rule.get("fieldPath", "").removeprefix(".") in NODES[path]["properties"], rule["message"]
