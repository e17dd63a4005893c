"""Cameras in a second watched namespace, and in one that is not watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import ROOT, Document, Operator, View, install_rights, release_cameras
from tests.integration.services.backend import BackendServer

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def team(vigil_cluster: ControlPlane, namespace: str, system: str) -> Iterator[str]:
    """A tenant's namespace with the operator's permissions."""
    name = vigil_cluster.create_namespace(f"{namespace}-team")
    install_rights(vigil_cluster, system, name)
    yield name
    release_cameras(vigil_cluster, name)
    vigil_cluster.delete_namespace(name, wait=False)


@pytest.fixture
def elsewhere(vigil_cluster: ControlPlane, namespace: str) -> Iterator[str]:
    """A namespace that the operator does not watch."""
    name = vigil_cluster.create_namespace(f"{namespace}-elsewhere")
    yield name
    vigil_cluster.delete_namespace(name, wait=False)


def gate(namespace: str) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": "gate", "namespace": namespace},
        "spec": {"displayName": "gate", "detectorClassName": "cpu", "stream": {"url": "rtsp://10.0.0.9:554/s"}},
    }


def test_namespaces_as_tenants(
    vigil_cluster: ControlPlane,
    namespace: str,
    team: str,
    elsewhere: str,
    backend: BackendServer,
    make_operator: Callable[..., Operator],
) -> None:
    tenant = backend.create_user("tenant")
    vigil_cluster.apply([gate(team), gate(elsewhere)])
    make_operator(VIGIL_WATCHED_NAMESPACES=f"{team}={tenant.username}").start()

    view = View(vigil_cluster, team)
    eventually(lambda: "gate-detector" in view.deployments(), timeout_seconds=60)
    with backend.client(tenant.token) as api:
        (row,) = api.get("/api/cameras/").json()["results"]
        assert (row["name"], row["managed_by"]) == ("gate", "kubectl")
    eventually(lambda: view.camera("gate").get("status", {}).get("cameraId") == row["id"])

    ready = eventually(
        lambda: (found := View(vigil_cluster, elsewhere).condition("gate", "Ready"))["reason"] and found
    )
    assert (ready["status"], ready["reason"]) == ("False", "NamespaceNotWatched")
    assert elsewhere in ready["message"]
    assert View(vigil_cluster, elsewhere).deployments() == {}

    vigil_cluster.kubectl("delete", "cam", "gate", "--namespace", team)
    with backend.client(tenant.token) as api:
        released = (row["id"], "backend", False)
        eventually(
            lambda: [_owner_and_state(found) for found in api.get("/api/cameras/").json()["results"]] == [released]
        )


def _owner_and_state(row: Document) -> tuple[int, str, bool]:
    return row["id"], row["managed_by"], row["is_active"]


def test_users_with_the_camera_roles_cannot_read_secrets(vigil_cluster: ControlPlane, team: str) -> None:
    vigil_cluster.apply(ROOT / "manifests" / "operator" / "15-user-roles.yaml")
    for role, user in (("view", "guard"), ("edit", "engineer")):
        vigil_cluster.kubectl(
            *("create", "rolebinding", user, f"--clusterrole=vigil-cameras-{role}"),
            *(f"--user={user}", "--namespace", team),
        )

    def may(user: str, verb: str, resource: str, *options: str) -> bool:
        arguments = ("auth", "can-i", verb, resource, *options, f"--as={user}", "--namespace", team)
        answer = vigil_cluster.kubectl(*arguments, check=False)
        return answer.splitlines()[-1].strip() == "yes"

    eventually(lambda: may("engineer", "create", "cameras.vigil.dev"))
    assert may("guard", "list", "cameras.vigil.dev")
    assert not may("guard", "patch", "cameras.vigil.dev")
    assert not may("engineer", "patch", "cameras.vigil.dev", "--subresource=status")
    assert not any(may(user, "get", "secrets") for user in ("guard", "engineer"))
