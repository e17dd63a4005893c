"""The CEL rules of the definitions, run: API servers from 1.25 on enforce them, and refuse one that cannot compile.

A server compiles a rule against the schema, so that it may name declared fields only: checked here on its text.
"""

from __future__ import annotations

import re
from typing import Any

import celpy
import pytest
from celpy.adapter import json_to_cel
from tests.unit.operator.test_crds import schema

Node = dict[str, Any]


def rules(node: Node, path: str) -> list[tuple[str, Node, str]]:
    found = [(path, node, rule["rule"]) for rule in node.get("x-kubernetes-validations", [])]
    for name, child in node.get("properties", {}).items():
        found += rules(child, f"{path}.{name}")
    if isinstance(node.get("items"), dict):
        found += rules(node["items"], f"{path}[]")
    return found


ALL = [*rules(schema("cameras"), "Camera"), *rules(schema("detectorclasses"), "DetectorClass")]


def evaluate(rule: str, value: Any, old: Any = None) -> bool:
    environment = celpy.Environment()
    activation = {"self": json_to_cel(value)}
    if "oldSelf" in rule:
        activation["oldSelf"] = json_to_cel(old)
    return bool(environment.program(environment.compile(rule)).evaluate(activation))


def holds(path: str, value: Any, old: Any = None) -> bool:
    """Whether all rules at `path` hold."""
    found = [rule for where, _, rule in ALL if where == path]
    assert found
    return all(evaluate(rule, value, old) for rule in found)


@pytest.mark.parametrize(
    ("path", "node", "rule"), ALL, ids=[f"{path}-{number}" for number, (path, _, _) in enumerate(ALL)]
)
def test_rules_name_declared_fields_only(path: str, node: Node, rule: str) -> None:
    declared = set(node.get("properties", {}))
    if path == "Camera":
        declared.add("metadata")
    assert set(re.findall(r"\bself\.([a-z]\w*)(?!\w*\()", rule)) - {"matches"} <= declared
    for variable, collection in {"rule": "rules", "zone": "zones"}.items():
        inner = node.get("properties", {}).get(collection, {}).get("items", {}).get("properties", {})
        assert set(re.findall(rf"\b{variable}\.([a-z]\w*)", rule)) <= set(inner)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("rtsp://10.0.0.7:554/stream1", True),
        ("rtsps://camera.example/path?channel=1&subtype=0", True),
        ("rtsp://camera/user@home/stream", True),
        ("rtsp://admin:secret@10.0.0.7/stream", False),
        ("rtsp://admin@10.0.0.7/stream", False),
        ("rtsp://10.0.0.7/s?user=a&password=b", False),
        ("rtsp://10.0.0.7/s?PWD=b", False),
    ],
)
def test_credentials_do_not_belong_into_the_url(url: str, right: bool) -> None:
    assert holds("Camera.spec.stream.url", url) is right


@pytest.mark.parametrize(("length", "right"), [(52, True), (53, False)])
def test_names_leave_room_for_what_is_made_from_them(length: int, right: bool) -> None:
    assert holds("Camera", {"metadata": {"name": "c" * length}}) is right


@pytest.mark.parametrize(
    ("detection", "right"),
    [
        ({}, True),
        ({"zones": [{"name": "a"}]}, True),
        ({"rules": [{"name": "r"}]}, True),
        ({"rules": [{"name": "r", "zone": "a"}], "zones": [{"name": "a"}]}, True),
        ({"rules": [{"name": "r", "zone": "b"}], "zones": [{"name": "a"}]}, False),
        ({"rules": [{"name": "r", "zone": "b"}]}, False),
    ],
)
def test_rules_refer_to_zones_that_exist(detection: Node, right: bool) -> None:
    assert holds("Camera.spec.detection", detection) is right


@pytest.mark.parametrize(("points", "right"), [(3, True), (2, False)])
def test_zones_have_three_points(points: int, right: bool) -> None:
    assert holds("Camera.spec.detection.zones[]", {"name": "a", "points": [[0.1, 0.1]] * points}) is right


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ({"type": "line_crossing", "line": [[0, 0], [1, 1]]}, True),
        ({"type": "line_crossing"}, False),
        ({"type": "intrusion", "zone": "a"}, True),
        ({"type": "intrusion"}, False),
        ({"type": "loitering", "zone": "a", "seconds": 30}, True),
        ({"type": "loitering", "zone": "a"}, False),
    ],
)
def test_rules_have_what_their_type_needs(rule: Node, right: bool) -> None:
    assert holds("Camera.spec.detection.rules[]", rule) is right


@pytest.mark.parametrize(
    ("gpu", "right"),
    [
        ({"resourceName": "nvidia.com/gpu"}, True),
        ({"resourceClaimTemplateName": "slice"}, True),
        ({"resourceName": "nvidia.com/gpu", "resourceClaimTemplateName": "slice"}, False),
        ({"count": 1}, False),
    ],
)
def test_a_gpu_is_asked_for_in_one_way(gpu: Node, right: bool) -> None:
    assert holds("DetectorClass.spec.gpu", gpu) is right


def test_triton_needs_its_server() -> None:
    assert holds("DetectorClass.spec", {"runtime": "openvino"})
    server = {"url": "http://triton:8000"}
    assert holds("DetectorClass.spec", {"runtime": "triton", "triton": server, "model": "yolov8n"})
    assert not holds("DetectorClass.spec", {"runtime": "triton", "triton": server, "model": ""})
    assert not holds("DetectorClass.spec", {"runtime": "triton", "triton": server})
    assert not holds("DetectorClass.spec", {"runtime": "triton", "model": "yolov8n"})


def test_runtimes_cannot_be_changed() -> None:
    assert holds("DetectorClass.spec.runtime", "openvino", "openvino")
    assert not holds("DetectorClass.spec.runtime", "ultralytics", "openvino")
