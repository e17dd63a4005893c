"""Cameras activated by the REST API, with real scheduling and one GPU too few."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Installation, Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = pytest.mark.timeout(600)
PASSWORD = "marked-password-4711"


def resource(api: httpx.Client, name: str) -> dict[str, Any]:
    """Return the API's state of the camera's resource; before any report, without conditions and node."""
    answer = api.get(f"/api/cameras/{name.removeprefix('cam-')}/resource/")
    return dict(answer.json()) if answer.is_success else {"conditions": [{"reason": ""}], "node": ""}


def test_three_cameras_on_two_gpus(installation: Installation) -> None:
    cluster, namespace, operator, view = (
        installation.cluster,
        installation.namespace,
        installation.operator,
        installation.view,
    )
    with installation.node(gpus={"nvidia.com/gpu": 2}), installation.api() as api:
        ids = [
            installation.add_camera(
                number, rtsp_url=f"rtsp://admin:{PASSWORD}@10.0.0.{number}:554/stream", is_active=False
            )
            for number in (1, 2, 3)
        ]
        assert view.cameras() == {}
        for camera_id in ids:
            assert api.post(f"/api/cameras/{camera_id}/activate/").status_code == 200

        assert eventually(lambda: len(view.deployments()) == 3)
        assert eventually(lambda: len(view.pods_on_nodes()) == 2)
        eventually(
            lambda: sorted(view.phases().values()) == ["Pending", "Streaming", "Streaming"], timeout_seconds=30
        )
        (waiting,) = [name for name, phase in view.phases().items() if phase == "Pending"]
        eventually(lambda: view.condition(waiting, "Scheduled")["reason"] == "InsufficientGPU")
        scheduled = view.condition(waiting, "Scheduled")
        assert scheduled["status"] == "False"
        assert "Insufficient nvidia.com/gpu" in scheduled["message"]
        assert view.condition(waiting, "Ready")["reason"] == "InsufficientGPU"
        assert view.condition(waiting, "Synced")["status"] == "True"
        eventually(lambda: operator.metric('vigil_cameras{phase="Pending"}') == 1)
        eventually(lambda: resource(api, waiting)["conditions"][0]["reason"] == "InsufficientGPU")
        assert waiting in cluster.kubectl("get", "cam", "--namespace", namespace)
        assert eventually(lambda: [item for item in view.events() if item["involvedObject"]["name"] == waiting])
        warnings = [item for item in view.events() if item["involvedObject"]["name"] == waiting]
        assert [item["reason"] for item in warnings] == ["InsufficientGPU"]

        running = next(name for name, phase in view.phases().items() if phase == "Streaming")
        status = view.camera(running)["status"]
        assert status["detector"]["node"] == f"{namespace}-node"
        assert status["detector"]["class"] == "gpu"
        assert api.post(f"/api/cameras/{status['cameraId']}/deactivate/").status_code == 200
        began = time.monotonic()
        eventually(lambda: view.phases() == dict.fromkeys(set(view.cameras()), "Streaming"), timeout_seconds=30)
        print(f"the third camera got its GPU after {time.monotonic() - began:.1f} s")
        assert len(view.cameras()) == 2
        assert view.condition(waiting, "Scheduled")["status"] == "True"
        eventually(lambda: resource(api, waiting)["node"] == f"{namespace}-node")
        eventually(lambda: len(view.deployments()) == 2)
        eventually(lambda: len(view.secrets()) == 2)

        everything = json.dumps([view.cameras(), view.deployments(), view.pods(), view.events()])
        assert PASSWORD not in everything
        assert PASSWORD not in operator.log.read_text()


def test_etcd_has_passwords_only_in_secrets(
    vigil_cluster: ControlPlane, backend: BackendServer, user: BackendUser, operator: Operator, view: View
) -> None:
    backend.add_camera(user.token, name="A", rtsp_url=f"rtsp://admin:{PASSWORD}@10.0.0.1/s?token={PASSWORD}")
    eventually(lambda: view.secrets() and view.deployments())
    (secret,) = view.secrets().values()
    assert set(secret["data"]) == {"token", "username", "password"}
    holding = [key for key, value in vigil_cluster.etcd_contents() if PASSWORD.encode() in value]
    assert all("/secrets/" in key for key in holding), holding


def test_deletion_is_complete_and_fast(installation: Installation) -> None:
    view = installation.view
    with installation.node(gpus={"nvidia.com/gpu": 2}), installation.api() as api:
        camera_id = installation.add_camera(1)
        eventually(lambda: view.phases() == {f"cam-{camera_id}": "Streaming"})
        assert api.delete(f"/api/cameras/{camera_id}/").status_code == 204
        began = time.monotonic()
        eventually(lambda: not (view.cameras() or view.deployments() or view.pods()), timeout_seconds=20)
        print(f"camera, Deployment and pod gone after {time.monotonic() - began:.1f} s")
        eventually(lambda: not view.secrets(), timeout_seconds=20)


def test_restart_writes_nothing_and_catches_up_with_missed_changes(installation: Installation) -> None:
    cluster, operator, view = installation.cluster, installation.operator, installation.view
    with installation.node(gpus={"nvidia.com/gpu": 4}), installation.api() as api:
        ids = [installation.add_camera(number) for number in range(3)]
        eventually(lambda: list(view.phases().values()) == ["Streaming"] * 3)
        eventually(lambda: view.reported_cameras() == 3)
        # The Deployment controller writes statuses at any time; only a change of the spec increases the generation.
        generations = {name: item["metadata"]["generation"] for name, item in view.deployments().items()}
        operator.process.stop()
        mark = cluster.audit_mark()
        operator.start()
        eventually(lambda: operator.metric("vigil_reconcile_seconds_count") >= 3)
        assert operator.writes(mark) == []
        assert {name: item["metadata"]["generation"] for name, item in view.deployments().items()} == generations

        operator.process.kill()
        assert api.delete(f"/api/cameras/{ids[0]}/").status_code == 204
        new = installation.add_camera(9)
        operator.start()
        expected = {f"cam-{ids[1]}", f"cam-{ids[2]}", f"cam-{new}"}
        eventually(lambda: set(view.cameras()) == expected and set(view.phases().values()) == {"Streaming"})
        eventually(lambda: set(view.deployments()) == {f"{name}-detector" for name in expected})


def test_operator_has_no_rights_outside_its_namespace(
    vigil_cluster: ControlPlane, operator: Operator, system: str
) -> None:
    kubeconfig = vigil_cluster.service_account_kubeconfig(system, "vigil-operator")
    for verb, resource, where in [
        ("get", "secrets", "default"),
        ("list", "pods", "kube-system"),
        ("create", "pods", system),
    ]:
        answer = vigil_cluster.kubectl(
            "auth", "can-i", verb, resource, "--namespace", where, kubeconfig=kubeconfig, check=False
        )
        assert answer.strip().startswith("no"), (verb, resource, where, answer)
    answer = vigil_cluster.kubectl("auth", "can-i", "list", "namespaces", kubeconfig=kubeconfig, check=False)
    assert "no" in answer
