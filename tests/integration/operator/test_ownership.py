"""Ownership: edits of API cameras are reverted, foreign labels are kept, a rotation restarts one pod."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = pytest.mark.timeout(600)

NEW_PASSWORD = "rotated-password-0815"
GARBAGE_COLLECTOR = "system:kube-controller-manager"


def test_edits_rotation_and_diagnosis(
    vigil_cluster: ControlPlane,
    namespace: str,
    system: str,
    backend: BackendServer,
    user: BackendUser,
    operator: Operator,
    view: View,
) -> None:
    with vigil_cluster.add_node(f"{namespace}-node", gpus={"nvidia.com/gpu": 4}), backend.client(user.token) as api:
        ids = [
            backend.add_camera(user.token, name=f"{number}", rtsp_url=f"rtsp://u:first@10.0.0.{number}/s")
            for number in (1, 2)
        ]
        first, second = (f"cam-{camera_id}" for camera_id in ids)
        eventually(lambda: list(view.phases().values()) == ["Streaming"] * 2, timeout_seconds=60)

        # An edit of API-owned fields is reverted with an event; a foreign label stays.
        vigil_cluster.kubectl("label", "cam", first, "team=gate", "--namespace", namespace)
        patch = json.dumps({"spec": {"active": False, "detectorClassName": "cpu"}})
        vigil_cluster.kubectl("patch", "cam", first, "--type=merge", f"--patch={patch}", "--namespace", namespace)
        eventually(lambda: view.camera(first)["spec"]["active"] is True)
        eventually(lambda: "detectorClassName" not in view.camera(first)["spec"])
        assert view.camera(first)["metadata"]["labels"]["team"] == "gate"
        eventually(lambda: _reverted(view))  # the event is written after the change
        assert _reverted(view) == [first]

        # A renamed copy is a camera of its own, and a removed label comes back.
        original = view.camera(first)
        labels = original["metadata"]["labels"]
        kept = {name: original[name] for name in ("apiVersion", "kind", "spec")}
        vigil_cluster.apply({**kept, "metadata": {"name": "copied", "namespace": namespace, "labels": labels}})
        eventually(lambda: f"no Secret '{first}-detector'" in view.condition("copied", "Ready")["message"])
        vigil_cluster.kubectl("label", "cam", first, "vigil.dev/managed-by-", "--namespace", namespace)
        eventually(lambda: view.camera(first)["metadata"]["labels"] == labels)
        assert view.camera(first)["metadata"]["uid"] == original["metadata"]["uid"]
        assert set(view.cameras()) == {first, second, "copied"}
        vigil_cluster.kubectl("delete", "cam", "copied", "--namespace", namespace)

        # An edit of operator-owned fields is reverted, too.
        vigil_cluster.kubectl("scale", "deployment", f"{first}-detector", "--replicas=0", "--namespace", namespace)
        eventually(lambda: view.deployments()[f"{first}-detector"]["spec"]["replicas"] == 1)

        # A new password restarts only its camera's detector.
        eventually(lambda: all(_is_watched(view, camera) for camera in (first, second)), timeout_seconds=60)
        before, former = view.pods(), _templates_of(view, first)
        answer = api.patch(f"/api/cameras/{ids[0]}/", json={"rtsp_url": f"rtsp://u:{NEW_PASSWORD}@10.0.0.1/s"})
        assert answer.status_code == 200, answer.text
        began = time.monotonic()
        # Compare templates: the pod may be a new one, after scaling to zero and back.
        eventually(lambda: (now := _templates_of(view, first)) and not now & former, timeout_seconds=60)
        print(f"a rotated password was in use after {time.monotonic() - began:.1f} s")
        assert _pods_of(view, second) <= set(before)
        holding = [key for key, value in vigil_cluster.etcd_contents() if NEW_PASSWORD.encode() in value]
        assert all("/secrets/" in key for key in holding), holding

        eventually(lambda: all(_is_watched(view, camera) for camera in (first, second)), timeout_seconds=60)
        status, found = _diagnose(operator, first)
        states = {step["step"]: step["state"] for step in found["steps"]}
        assert states["Scheduling"] == states["Detector"] == states["API"] == states["Operator"] == "ok"
        # The stand-in kubelet runs no detector, so there is no report, and the page shows that.
        assert (status, found["verdict"]) == (1, "Stream: The detector has not reported yet.")


def test_operator_survives_a_killed_api_server(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator: Operator,
    view: View,
) -> None:
    with vigil_cluster.add_node(f"{namespace}-node", gpus={"nvidia.com/gpu": 4}):
        camera_id = backend.add_camera(user.token, name="before", rtsp_url="rtsp://10.0.0.1/s")
        eventually(lambda: view.phases() == {f"cam-{camera_id}": "Streaming"}, timeout_seconds=60)
        detector = f"cam-{camera_id}-detector"
        uid = view.deployments()[detector]["metadata"]["uid"]
        mark = vigil_cluster.audit_mark()
        vigil_cluster.kill_apiserver()
        # An outage longer than a leader may continue without its Lease.
        eventually(lambda: "leadership lost" in operator.log.read_text(), timeout_seconds=30)
        new = backend.add_camera(user.token, name="meanwhile", rtsp_url="rtsp://10.0.0.2/s")
        vigil_cluster.start_apiserver()
        began = time.monotonic()
        eventually(lambda: f"cam-{new}-detector" in view.deployments(), timeout_seconds=30)
        print(f"reconciled {time.monotonic() - began:.1f} s after the API server was back")
        assert operator.process.is_running

        def deleters() -> set[str]:
            events = vigil_cluster.audit_events(since=mark, verbs={"delete"}, resource="deployments")
            return {event.user for event in events if event.name == detector}

        # Before 1.23 an API server that has just started may answer 404 for custom resources, and the garbage
        # collector takes an owner for gone (kubernetes/kubernetes#104342). What it deletes is made again.
        kept = eventually(lambda: view.deployments().get(detector), timeout_seconds=30)
        assert kept is not None
        if kept["metadata"]["uid"] != uid:
            eventually(deleters)
        assert deleters() <= {GARBAGE_COLLECTOR}


def _reverted(view: View) -> list[str]:
    return [item["involvedObject"]["name"] for item in view.events() if item["reason"] == "EditReverted"]


def _is_watched(view: View, camera: str) -> bool:
    """Return whether it streams from its only pod: the status may still refer to the previous pod."""
    status = view.camera(camera).get("status", {})
    return status.get("phase") == "Streaming" and _pods_of(view, camera) == {status.get("detector", {}).get("pod")}


def _templates_of(view: View, camera: str) -> set[str]:
    """Return the digests by which Kubernetes distinguishes pod templates."""
    labels = [item["metadata"]["labels"] for item in view.pods().values()]
    return {each["pod-template-hash"] for each in labels if each["vigil.dev/camera"] == camera}


def _pods_of(view: View, camera: str) -> set[str]:
    return {name for name, item in view.pods().items() if item["metadata"]["labels"]["vigil.dev/camera"] == camera}


def _diagnose(operator: Operator, camera: str) -> tuple[int, Document]:
    done = subprocess.run(
        [sys.executable, "-m", "vigil_operator", "diagnose", camera, "--output", "json"],
        env=operator.variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)
