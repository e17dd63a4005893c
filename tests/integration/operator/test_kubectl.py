"""Cameras applied with kubectl: read-only rows in the API that are deleted with the resource."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View, reading
from tests.integration.services.backend import BackendServer, BackendUser

from vigil_operator.kube import registrar

pytestmark = pytest.mark.timeout(600)

PASSWORD = "marked-password-of-the-lobby"
GIVE_UP_SECONDS = 8
"""Instead of the operator's limit, for which tests/unit/operator/test_registration.py has the time."""
DELETED_WITHIN_SECONDS = 60 - (registrar.GIVE_UP_SECONDS - GIVE_UP_SECONDS)
"""With the operator's own limit, a deletion without the API takes at most a minute."""


def secret(namespace: str, password: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "lobby-credentials", "namespace": namespace},
        "stringData": {"username": "viewer", "password": password},
    }


def lobby(namespace: str, **spec: Any) -> Document:
    stream = {"url": "rtsp://10.0.0.9:554/s", "credentialsSecretRef": {"name": "lobby-credentials"}}
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": "lobby", "namespace": namespace},
        "spec": {"displayName": "Lobby", "detectorClassName": "cpu", "stream": stream, **spec},
    }


def rows(api: httpx.Client) -> list[Document]:
    found: list[Document] = api.get("/api/cameras/").json()["results"]
    return [row for row in found if row["managed_by"] == "kubectl"]


def detector_values(view: View) -> dict[str, str]:
    found = view.secrets()
    assert "lobby-detector" in found, sorted(found)
    return {name: b64decode(value).decode() for name, value in found["lobby-detector"]["data"].items()}


def url_in_the_api(backend: BackendServer, operator: Operator) -> str:
    with backend.client(operator.token) as api:
        (row,) = api.get("/api/active-cameras/", params=operator.cluster_query()).json()
    return str(row["rtsp_url"])


def test_kubectl_camera_from_apply_to_delete(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator: Operator,
    view: View,
) -> None:
    with vigil_cluster.add_node(f"{namespace}-node"), backend.client(user.token) as api:
        # Without its Secret it reports what is missing; with it, it is registered and gets a detector.
        vigil_cluster.apply(lobby(namespace))
        eventually(lambda: "there is no Secret 'lobby-credentials'" in view.condition("lobby", "Ready")["message"])
        vigil_cluster.apply(secret(namespace, PASSWORD))
        eventually(lambda: view.phases() == {"lobby": "Streaming"}, timeout_seconds=60)
        (row,) = rows(api)
        assert (row["name"], row["is_active"], row["rtsp_url"]) == ("Lobby", True, "rtsp://***@10.0.0.9:554/s")
        assert view.camera("lobby")["status"]["cameraId"] == row["id"]
        assert view.condition("lobby", "Synced")["status"] == "True"
        assert view.camera("lobby")["metadata"]["labels"]["vigil.dev/managed-by"] == "kubectl"
        assert url_in_the_api(backend, operator) == f"rtsp://viewer:{PASSWORD}@10.0.0.9:554/s"

        # The API shows it read-only.
        path = f"/api/cameras/{row['id']}/"
        for answer in (api.patch(path, json={"name": "x"}), api.post(f"{path}deactivate/"), api.delete(path)):
            assert answer.status_code == 409
            assert "managed by kubectl" in answer.json()["detail"]

        # A label that claims it for the API is reverted; the row stays.
        label = ("label", "cam", "lobby", "vigil.dev/managed-by=backend", "vigil.dev/camera-id=1", "--overwrite")
        vigil_cluster.kubectl(*label, "--namespace", namespace)
        eventually(lambda: view.camera("lobby")["metadata"]["labels"]["vigil.dev/managed-by"] == "kubectl")
        assert "LabelReverted" in [event["reason"] for event in view.events()]
        assert [found["id"] for found in rows(api)] == [row["id"]]

        # Its detector reports with its own token, and its alerts appear in the resource.
        with backend.client(detector_values(view)["token"]) as detector:
            report = {"phase": "Streaming", "reason": "Streaming", "stream": {"width": 640, "frames_per_second": 25}}
            assert detector.post(f"{path}heartbeat/", json=report).status_code == 204
            alert = {"alert_type": "person", "confidence": "0.9", "timestamp": "2026-03-01T12:00:00Z"}
            files = {name: (None, value) for name, value in {"event_id": "event-0001", **alert}.items()}
            assert detector.post("/api/send-alert/", files=files).status_code == 201
        said = {"total": 1, "lastAlertTime": "2026-03-01T12:00:00Z"}
        eventually(lambda: view.camera("lobby")["status"].get("alerts") == said)
        assert view.camera("lobby")["status"]["stream"]["width"] == 640
        printed = vigil_cluster.kubectl("get", "cam", "lobby", "--namespace", namespace)
        assert "<none>" not in printed, printed

        # A detector that has lost its stream clears the stream's state in the resource.
        with backend.client(detector_values(view)["token"]) as detector:
            report = {"phase": "Degraded", "reason": "StreamUnreachable"}
            assert detector.post(f"{path}heartbeat/", json=report).status_code == 204
        eventually(lambda: view.condition("lobby", "Ready")["reason"] == "StreamUnreachable")
        assert view.camera("lobby")["status"]["stream"] == {"fps": 0}

        # An edit and a new password update the row; the camera keeps its id, alert and token.
        token = detector_values(view)["token"]
        vigil_cluster.apply(lobby(namespace, displayName="Hall"))
        vigil_cluster.apply(secret(namespace, "rotated"))
        eventually(lambda: [(row["id"], found["name"]) for found in rows(api)] == [(row["id"], "Hall")])
        eventually(lambda: detector_values(view)["password"] == "rotated")
        assert url_in_the_api(backend, operator) == "rtsp://viewer:rotated@10.0.0.9:554/s"
        assert detector_values(view)["token"] == token
        holding = [key for key, value in vigil_cluster.etcd_contents() if PASSWORD.encode() in value]
        assert all("/secrets/" in key for key in holding), holding
        assert PASSWORD not in operator.log.read_text()

        # `kubectl delete all` spares cameras; replacing one, or deleting and applying it, keeps its id and alerts.
        # kubectl would wait without end for a ReplicaSet collected before its turn if one of the same name follows.
        vigil_cluster.kubectl("delete", "all", "--all", "--wait=false", "--namespace", namespace)
        assert view.phases().keys() == {"lobby"}
        vigil_cluster.kubectl("delete", "cam", "lobby", "--namespace", namespace)
        kept = api.get(path).json()
        assert (kept["managed_by"], kept["is_active"], kept["alerts"]["total"]) == ("backend", False, 1)
        assert kept["resource_deleted_at"] is not None
        eventually(lambda: "lobby-detector" not in view.deployments())
        vigil_cluster.apply(lobby(namespace, deletionPolicy="Delete"))
        eventually(lambda: [(found["id"], found["is_active"]) for found in rows(api)] == [(row["id"], True)])
        assert rows(api)[0]["alerts"]["total"] == 1

        # Unless the resource says otherwise.
        eventually(lambda: view.camera("lobby")["status"].get("cameraId") == row["id"])
        vigil_cluster.kubectl("delete", "cam", "lobby", "--namespace", namespace)
        assert api.get(path).status_code == 404


def test_deletion_completes_without_the_api_and_the_next_resource_takes_up_the_row(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    make_operator(
        module="tests.integration.operator.impatient_operator", VIGIL_TEST_GIVE_UP_SECONDS=str(GIVE_UP_SECONDS)
    ).start()
    with vigil_cluster.add_node(f"{namespace}-node"):
        vigil_cluster.apply(secret(namespace, PASSWORD))
        vigil_cluster.apply(lobby(namespace))
        eventually(lambda: view.phases() == {"lobby": "Streaming"}, timeout_seconds=60)
        camera_id = view.camera("lobby")["status"]["cameraId"]
        backend.kill()
        began = time.monotonic()
        vigil_cluster.kubectl("delete", "cam", "lobby", "--namespace", namespace, "--wait=false")
        eventually(lambda: view.cameras() == {}, timeout_seconds=DELETED_WITHIN_SECONDS)
        print(f"deleted without the API after {time.monotonic() - began:.1f} s")

        # Meanwhile a new camera cannot be registered, and reports it.
        vigil_cluster.apply(lobby(namespace))
        eventually(lambda: view.condition("lobby", "Synced")["reason"] in {"NotRegistered", "BackendUnreachable"})
        backend.start()
        with backend.client(user.token) as api:
            eventually(lambda: view.phases() == {"lobby": "Streaming"}, timeout_seconds=60)
            eventually(lambda: len(rows(api)) == 1, timeout_seconds=60)
            # It takes up the camera of the former resource, of whose end the API was not told.
            assert rows(api)[0]["id"] == view.camera("lobby")["status"]["cameraId"] == camera_id
            vigil_cluster.kubectl("delete", "cam", "lobby", "--namespace", namespace)
            assert rows(api) == []


def test_namespace_of_the_cameras_can_be_deleted(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    """Its Role goes before its cameras; their finalizers must be removed nevertheless, and their rows with them."""
    make_operator().start()
    with vigil_cluster.add_node(f"{namespace}-node"), backend.client(user.token) as api:
        vigil_cluster.apply([secret(namespace, PASSWORD), lobby(namespace)])
        eventually(lambda: view.phases() == {"lobby": "Streaming"}, timeout_seconds=60)
        vigil_cluster.kubectl("delete", "role,rolebinding", "--all", "--namespace", namespace)
        began = time.monotonic()
        vigil_cluster.delete_namespace(namespace, wait=False)
        eventually(lambda: namespace not in namespaces(vigil_cluster), timeout_seconds=60)
        print(f"namespace deleted after {time.monotonic() - began:.1f} s")
        assert rows(api) == []

    # The rights in the namespace are gone with it: a replica that starts now says which ones.
    second = make_operator("operator-2")
    second.start(wait=False)
    eventually(lambda: "missing permission: create secrets in namespace" in said_by(second))


def namespaces(cluster: ControlPlane) -> set[str]:
    with reading():
        return {item["metadata"]["name"] for item in cluster.http.get("/api/v1/namespaces")["items"]}


def said_by(operator: Operator) -> str:
    answer = operator.get("/readyz")
    assert answer is not None
    return answer.text
