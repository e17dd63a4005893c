"""The admission policies: who marks cameras as owned by the API, and a warning without room; evaluated by CEL."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
from cel_expr_python import cel
from google.protobuf import descriptor_pool
from tests.chart.helm import Document, documents, render, renderer
from tools.system_packages import MissingPackagesError

VARIABLES = ("object", "oldObject", "request", "variables", "params")
CEL = cel.NewEnv(descriptor_pool.DescriptorPool(), variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
OPERATOR = "system:serviceaccount:vigil-system:vigil-operator"
API, KUBECTL = {"vigil.dev/managed-by": "backend"}, {"vigil.dev/managed-by": "kubectl"}


def policies(version: str, part: str = "camera-owner", **operator: Any) -> dict[str, Document]:
    found = documents(render({"operator": operator}, kube_version=version))
    return {
        each["kind"]: each
        for each in found
        if each["kind"].startswith("ValidatingAdmissionPolicy") and part in each["metadata"]["name"]
    }


@pytest.fixture(scope="module")
def rendering() -> None:
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def policy(rendering: None) -> Document:
    return policies("v1.36.2")["ValidatingAdmissionPolicy"]


@pytest.fixture(scope="module")
def room_policy(rendering: None) -> Document:
    return policies("v1.36.2", "camera-room")["ValidatingAdmissionPolicy"]


def is_admitted(policy: Document, user: str, before: Document | None, after: Document) -> bool:
    """Return whether the API server admits the request."""
    return not objections(policy, user, before, after)


def objections(
    policy: Document, user: str, before: Document | None, after: Document, params: Document | None = None
) -> list[str]:
    """Return the messages of the validations that do not hold."""
    data: dict[str, Any] = {"object": after, "oldObject": before, "request": {"userInfo": {"username": user}}}
    data["params"] = params

    def value(expression: str) -> Any:
        return CEL.compile(expression).eval(data={**data, "variables": variables}).plain_value()

    variables: dict[str, Any] = {}
    for each in policy["spec"]["variables"]:
        variables[each["name"]] = value(each["expression"])
    if not all(value(each["expression"]) is True for each in policy["spec"]["matchConditions"]):
        return []
    return [
        value(each["messageExpression"]) if "messageExpression" in each else each["message"]
        for each in policy["spec"]["validations"]
        if value(each["expression"]) is not True
    ]


def camera(labels: dict[str, str] | None = None) -> Document:
    return {"metadata": {"name": "gate"} | ({} if labels is None else {"labels": labels})}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, camera(), True),
        (None, camera(KUBECTL), True),
        (None, camera(API), False),
        (camera(), camera({"team": "a"}), True),
        (camera(), camera(API), False),
        (camera(KUBECTL), camera(API), False),
        (camera(KUBECTL), camera(), True),
        (camera(API), camera(API | {"team": "a"}), True),
        (camera(API), camera(KUBECTL), False),
        (camera(API), camera({"team": "a"}), False),
        (camera(API), camera(), False),
    ],
)
def test_only_the_operator_sets_and_removes_the_label(
    policy: Document, before: Document | None, after: Document, expected: bool
) -> None:
    assert is_admitted(policy, "anna", before, after) is expected
    assert is_admitted(policy, OPERATOR, before, after)


def test_policy_applies_to_the_cameras_namespace_and_is_valid(policy: Document) -> None:
    both = policies("v1.36.2")
    for each in both.values():
        for version in ("1.30", "1.36"):
            kubernetes_validate.validate(each, version, strict=True)
    assert both["ValidatingAdmissionPolicyBinding"]["spec"] == {
        "policyName": policy["metadata"]["name"],
        "validationActions": ["Deny"],
    }
    (namespaces,) = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert namespaces == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["vigil-cameras"]}


def detector_class(name: str, room: int | None, *, default: bool = False) -> Document:
    annotations = {"detectorclass.vigil.dev/is-default-class": "true"} if default else {}
    capacity = {} if room is None else {"capacity": {"room": room}}
    return {"metadata": {"name": name, "annotations": annotations}, "status": capacity}


def active(class_name: str = "", *, is_active: bool = True) -> Document:
    named = {"detectorClassName": class_name} if class_name else {}
    return {"metadata": {"name": "gate"}, "spec": {"active": is_active, **named}}


FULL, ROOMY, UNKNOWN = detector_class("gpu", 0), detector_class("gpu", 1), detector_class("gpu", None)


@pytest.mark.parametrize(
    ("before", "after", "params", "warns"),
    [
        (None, active("gpu"), FULL, True),
        (None, {"metadata": {}, "spec": {"detectorClassName": "gpu"}}, FULL, True),
        (None, active("gpu"), ROOMY, False),
        (None, active("gpu"), UNKNOWN, False),
        (None, active("gpu"), {"metadata": {"name": "gpu"}}, False),
        (None, active("gpu", is_active=False), FULL, False),
        (None, active("cpu"), FULL, False),
        (None, active(), FULL, False),
        (None, active(), detector_class("gpu", 0, default=True), True),
        (active("gpu"), active("gpu"), FULL, False),
        (active("gpu", is_active=False), active("gpu"), FULL, True),
        (active("cpu"), active("gpu"), FULL, True),
    ],
)
def test_camera_without_room_is_accepted_with_a_warning(
    room_policy: Document, before: Document | None, after: Document, params: Document, *, warns: bool
) -> None:
    found = objections(room_policy, "anna", before, after, params)
    assert bool(found) is warns
    remedies = ("spec.active: false", "add a node", "spec.sleep", "spec.detectorClassName", "kubectl get detclass")
    for text in found:
        assert text.startswith("no room for a further camera in DetectorClass gpu: this one waits. To make room, ")
        assert all(remedy in text for remedy in remedies), text
    assert objections(room_policy, OPERATOR, before, after, params) == []


def test_room_policy_only_warns_and_is_valid(room_policy: Document) -> None:
    both = policies("v1.36.2", "camera-room")
    for each in both.values():
        for version in ("1.30", "1.36"):
            kubernetes_validate.validate(each, version, strict=True)
    assert both["ValidatingAdmissionPolicyBinding"]["spec"] == {
        "policyName": room_policy["metadata"]["name"],
        "paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"},
        "validationActions": ["Warn"],
    }
    assert policies("v1.29.9", "camera-room") == policies("v1.36.2", "camera-room", admissionPolicy=False) == {}


@pytest.mark.parametrize("is_on", [False, True])
def test_operator_may_list_nodes_only_if_asked_to(rendering: None, *, is_on: bool) -> None:
    found = documents(render({"operator": {"readNodes": is_on}}, kube_version="v1.36.2"))
    rules = [
        rule
        for each in found
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "vigil-operator"
        for rule in each["rules"]
        if {"nodes", "deviceclasses"} & set(rule["resources"])
    ]
    expected = [
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]},
        {"apiGroups": ["resource.k8s.io"], "resources": ["deviceclasses"], "verbs": ["list"]},
    ]
    assert rules == (expected if is_on else [])


def test_older_kubernetes_and_opting_out_have_no_policy(policy: Document) -> None:
    assert policies("v1.29.9") == policies("v1.36.2", admissionPolicy=False) == {}
