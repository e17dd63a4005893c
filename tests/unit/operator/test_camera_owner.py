"""Which resources the API owns, whatever users do to names and labels."""

from __future__ import annotations

from typing import Any

import pytest

from vigil_operator.core.names import camera_resource_name, id_in_resource_name
from vigil_operator.core.observed import camera_from_body

LABELS = {"vigil.dev/managed-by": "backend", "vigil.dev/camera-id": "7"}
KUBECTL = [{"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": {"f:spec": {}}}]
OPERATOR = [{"manager": "vigil-operator", "operation": "Apply", "fieldsV1": {"f:metadata": {}, "f:spec": {}}}]
CLAIM = [{"manager": "vigil-operator-claim", "operation": "Apply", "fieldsV1": {"f:metadata": {}}}]
STATUS = [{"manager": "vigil-operator-status", "operation": "Apply", "fieldsV1": {"f:status": {}}}]
FINALIZER = ["vigil.dev/api-row"]


@pytest.mark.parametrize(
    ("case", "metadata", "expected"),
    [
        ("created by the operator", {"name": "cam-7", "labels": LABELS, "managedFields": OPERATOR}, 7),
        ("kubectl has a cam-7", {"name": "cam-7-api", "labels": LABELS, "managedFields": OPERATOR}, 7),
        ("labels removed", {"name": "cam-7", "managedFields": OPERATOR + KUBECTL + STATUS}, 7),
        ("other id in the label", {"name": "cam-7", "labels": LABELS | {"vigil.dev/camera-id": "8"}}, 7),
        ("finalizer added", {"name": "cam-7", "finalizers": FINALIZER, "managedFields": OPERATOR}, 7),
        ("kubectl replace --force", {"name": "cam-7", "labels": LABELS, "managedFields": KUBECTL}, 7),
        ("renamed copy", {"name": "gate", "labels": LABELS, "managedFields": KUBECTL}, None),
        ("renamed copy with managedFields", {"name": "gate", "labels": LABELS, "managedFields": OPERATOR}, None),
        ("labelled by hand", {"name": "gate", "labels": LABELS, "finalizers": FINALIZER}, None),
        (
            "labelled by hand, named as an API camera",
            {"name": "cam-7", "labels": LABELS, "finalizers": FINALIZER, "managedFields": KUBECTL + CLAIM + STATUS},
            None,
        ),
        ("created by kubectl", {"name": "cam-7", "managedFields": KUBECTL}, None),
    ],
)
def test_owner_of_a_resource(case: str, metadata: dict[str, Any], expected: int | None) -> None:
    found = camera_from_body({"metadata": metadata, "spec": {}})
    assert (found.api_camera_id, found.managed_by_backend) == (expected, expected is not None), case


@pytest.mark.parametrize("camera_id", [1, 7, 10, 123456789])
def test_names_of_api_cameras_contain_their_id(camera_id: int) -> None:
    plain = camera_resource_name(camera_id)
    assert id_in_resource_name(plain) == camera_id
    assert id_in_resource_name(camera_resource_name(camera_id, {plain, f"{plain}-api"})) == camera_id


@pytest.mark.parametrize(
    "name", ["cam-", "cam-0", "cam-07", "cam-7-", "cam-7-apis", "cam-7-api-", "xcam-7", "cam-7\n"]
)
def test_other_names_contain_no_id(name: str) -> None:
    assert id_in_resource_name(name) is None
