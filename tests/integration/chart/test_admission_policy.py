"""The policy that lets only the operator mark cameras as owned by the API, evaluated as an API server does."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
from cel_expr_python import cel
from google.protobuf import descriptor_pool
from tests.chart.helm import Document, documents, render, renderer
from tools.system_packages import MissingPackagesError

VARIABLES = ("object", "oldObject", "request", "variables")
CEL = cel.NewEnv(descriptor_pool.DescriptorPool(), variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
OPERATOR = "system:serviceaccount:vigil-system:vigil-operator"
API, KUBECTL = {"vigil.dev/managed-by": "backend"}, {"vigil.dev/managed-by": "kubectl"}


def policies(version: str, **operator: Any) -> dict[str, Document]:
    found = documents(render({"operator": operator}, kube_version=version))
    return {each["kind"]: each for each in found if each["kind"].startswith("ValidatingAdmissionPolicy")}


@pytest.fixture(scope="module")
def policy() -> Document:
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))
    return policies("v1.36.2")["ValidatingAdmissionPolicy"]


def is_admitted(policy: Document, user: str, before: Document | None, after: Document) -> bool:
    """Return whether the API server admits the request."""
    data: dict[str, Any] = {"object": after, "oldObject": before, "request": {"userInfo": {"username": user}}}

    def value(expression: str) -> Any:
        return CEL.compile(expression).eval(data={**data, "variables": variables}).plain_value()

    variables: dict[str, Any] = {}
    for each in policy["spec"]["variables"]:
        variables[each["name"]] = value(each["expression"])
    if not all(value(each["expression"]) is True for each in policy["spec"]["matchConditions"]):
        return True
    return all(value(each["expression"]) is True for each in policy["spec"]["validations"])


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


def test_older_kubernetes_and_opting_out_have_no_policy(policy: Document) -> None:
    assert policies("v1.29.9") == policies("v1.36.2", admissionPolicy=False) == {}
