"""The order in which a camera's own values, its policies and the defaults apply."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.unit.operator.builders import camera_body, camera_spec

from vigil_operator.core.observed import Camera, camera_from_body
from vigil_operator.core.policy_conflict import find_conflict
from vigil_operator.core.policy_index import CameraIndex
from vigil_operator.core.policy_merge import PolicyRevision, merge, selects
from vigil_operator.core.policy_spec import LabelSelector, parse_policy_spec
from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec

RULE = {"name": "at-night", "type": "object"}
NIGHT = {"timeZone": "Europe/Berlin", "windows": [{"days": ["mon"], "start": "20:00", "end": "06:00"}]}
MOTION = {"recording": {"mode": "motion"}}
CONTINUOUS = {"recording": {"mode": "continuous"}}


def policy(
    name: str,
    defaults: dict[str, Any],
    *,
    priority: int = 0,
    labels: dict[str, str] | None = None,
    generation: int = 1,
) -> PolicyRevision:
    return PolicyRevision(name, generation, priority, LabelSelector(match_labels=labels or {}), defaults)


@pytest.mark.parametrize(
    ("own", "policies", "value", "source"),
    [
        ({}, [], None, None),
        ({}, [policy("a", MOTION)], "motion", "a"),
        ({"recording": {"mode": "off"}}, [policy("a", MOTION)], "off", None),
        ({"recording": {}}, [policy("a", MOTION)], "motion", "a"),
        ({}, [policy("a", MOTION), policy("b", CONTINUOUS, priority=1)], "continuous", "b"),
        ({}, [policy("b", CONTINUOUS), policy("a", MOTION)], "motion", "a"),
        ({}, [policy("a", {}, priority=9), policy("b", CONTINUOUS)], "continuous", "b"),
        ({}, [policy("a", MOTION, labels={"area": "yard"})], "motion", "a"),
        ({}, [policy("a", MOTION, labels={"area": "hall"})], None, None),
    ],
    ids=["none", "policy", "own", "empty object", "priority", "name", "silent", "selected", "not selected"],
)
def test_order_of_sources(own: dict[str, Any], policies: list[PolicyRevision], value: object, source: object) -> None:
    merged = merge(camera_spec(**own), {"area": "yard"}, policies)
    assert merged.spec.get("recording", {}).get("mode") == value
    assert merged.sources.get("recording.mode") == source


def test_fields_of_several_policies_are_combined_and_lists_are_not() -> None:
    low = policy("low", {"detection": {"rules": [RULE], "framesPerSecond": 2}, "detectorClassName": "cpu"})
    high = policy("high", {"detection": {"rules": [{**RULE, "name": "by-day"}], "schedule": NIGHT}}, priority=5)
    spec = camera_spec(detection={"framesPerSecond": 9})
    before = copy.deepcopy(spec)
    merged = merge(spec, {}, [low, high])
    found = parse_camera_spec("gate", merged.spec)
    assert [rule.name for rule in found.detection.rules] == ["by-day"]
    assert (found.detection.frames_per_second, found.detector_class_name) == (9, "cpu")
    assert merged.fields == {"high": ("detection.rules", "detection.schedule"), "low": ("detectorClassName",)}
    assert merged.generations == {"high": 1, "low": 1}
    assert spec == before


@pytest.mark.parametrize("field", ["rules", "classes"])
def test_empty_list_is_the_cameras_own_value(field: str) -> None:
    values = {"rules": [RULE], "classes": ["person"]}
    merged = merge(camera_spec(detection={field: []}), {}, [policy("a", {"detection": {field: values[field]}})])
    assert merged.spec["detection"][field] == []
    assert merged.sources == {}


@pytest.mark.parametrize("spec", [None, "text", {"stream": {}, "recording": "text"}])
def test_malformed_spec_is_left_to_the_parser(spec: Any) -> None:
    merged = merge(spec, {}, [policy("a", MOTION)])
    assert merged.spec == spec
    with pytest.raises(InvalidSpecError):
        parse_camera_spec("gate", merged.spec)


@pytest.mark.parametrize(
    ("selector", "is_selected"),
    [
        ({}, True),
        ({"matchLabels": {"area": "yard"}}, True),
        ({"matchLabels": {"area": "yard", "floor": "1"}}, False),
        ({"matchExpressions": [{"key": "area", "operator": "In", "values": ["hall", "yard"]}]}, True),
        ({"matchExpressions": [{"key": "area", "operator": "NotIn", "values": ["yard"]}]}, False),
        ({"matchExpressions": [{"key": "floor", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "area", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "area", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"area": "yard"}, "matchExpressions": [{"key": "floor", "operator": "Exists"}]}, False),
    ],
)
def test_selector_selects_as_kubernetes_does(selector: dict[str, Any], is_selected: bool) -> None:
    assert selects(LabelSelector.model_validate(selector), {"area": "yard"}) is is_selected


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, "spec.selector: field required"),
        ({"selector": {"matchLabels": {"a b": "c"}}}, "spec.selector.matchLabels: 'a b' must be the name of a label"),
        ({"selector": {"matchLabels": {"a": "-"}}}, "spec.selector.matchLabels: a label's value must have up to 63"),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "spec.selector.matchExpressions[0]: values must be given for In and NotIn",
        ),
        (
            {"selector": {}, "defaults": {"detection": {"framesPerSecond": 31}}},
            "spec.defaults.detection.framesPerSecond: input should be less than or equal to 30",
        ),
        (
            {"selector": {}, "defaults": {"detection": {"rules": [RULE, RULE]}}},
            "spec.defaults.detection.rules: each needs a unique name; 'at-night' is used twice",
        ),
        (
            {"selector": {}, "defaults": {"detection": {"schedule": {**NIGHT, "timeZone": "Mars/Base"}}}},
            "spec.defaults.detection.schedule.timeZone: ",
        ),
    ],
)
def test_invalid_policy_names_the_field(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_policy_spec(spec)
    assert str(refused.value).startswith(problem)


def kubectl_camera(name: str, labels: dict[str, str]) -> Camera:
    body = camera_body(name, camera_id=None)
    body["metadata"]["labels"] = labels
    return camera_from_body(body)


def test_conflict_is_named_on_both_policies() -> None:
    newest = {"a": policy("a", MOTION, labels={"x": "1"}), "b": policy("b", CONTINUOUS, labels={"y": "1"})}
    cameras = CameraIndex([kubectl_camera("one", {"x": "1", "y": "1"}), kubectl_camera("two", {"x": "1"})])
    first, second = find_conflict("a", newest, cameras), find_conflict("b", newest, cameras)
    assert first is not None
    assert second is not None
    assert (first.gives_way, second.gives_way) == (False, True)
    assert second.message == (
        "CameraPolicy a has the same priority 0 and sets recording.mode to other values; number of cameras that both "
        "select: 1. The values of a apply, the first by name. Give one of the policies a higher priority."
    )


@pytest.mark.parametrize(
    "other",
    [
        policy("b", MOTION),
        policy("b", CONTINUOUS, priority=1),
        policy("b", {"recording": {"days": 7}}),
        policy("b", CONTINUOUS, labels={"y": "1"}),
    ],
    ids=["same value", "other priority", "other field", "other cameras"],
)
def test_no_conflict(other: PolicyRevision) -> None:
    newest = {"a": policy("a", MOTION, labels={"x": "1"}), "b": other}
    assert find_conflict("a", newest, CameraIndex([kubectl_camera("one", {"x": "1"})])) is None
