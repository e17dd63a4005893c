"""CameraPolicies on a real API server: values in the API's rows, rollout in steps, refusals, deletion."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Installation, View

pytestmark = pytest.mark.timeout(300)

CAMERAS = 4


def camera(namespace: str, number: int, **spec: Any) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": f"yard-{number}", "namespace": namespace, "labels": {"area": "yard"}},
        "spec": {"stream": {"url": f"rtsp://10.4.0.{number}/s"}, **spec},
    }


def policy(namespace: str, mode: str, **spec: Any) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "CameraPolicy",
        "metadata": {"name": "yard", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"area": "yard"}},
            "defaults": {"detectorClassName": "cpu", "recording": {"mode": mode, "days": 14}},
            "rollout": {"stepPercent": 50, "minReadySeconds": 3},
            **spec,
        },
    }


def summary(cluster: ControlPlane, namespace: str) -> tuple[str, str, int, int]:
    """Return status and reason of the policy's Ready, its cameras, and those that have its newest version."""
    found = cluster.http.get(f"/apis/vigil.dev/v1alpha1/namespaces/{namespace}/camerapolicies/yard")
    status = found["status"]
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    return ready["status"], ready["reason"], status["cameras"], status["updatedCameras"]


def modes(api: httpx.Client) -> list[str]:
    rows = api.get("/api/cameras/").json()["results"]
    return sorted(row["recording"]["mode"] for row in rows)


def refusal(cluster: ControlPlane, document: Document) -> str:
    answer = cluster.kubectl("apply", "--dry-run=server", "--filename=-", stdin=json.dumps(document), check=False)
    return str(answer)


def test_policy_from_apply_to_delete(installation: Installation, view: View) -> None:
    cluster, namespace = installation.cluster, installation.namespace
    with installation.node(cpu="64", memory="128Gi"), installation.api() as api:
        own = camera(namespace, 4, recording={"mode": "off"})
        cluster.apply(
            [policy(namespace, "motion"), *(camera(namespace, number) for number in range(1, CAMERAS)), own]
        )
        eventually(lambda: modes(api) == ["motion", "motion", "motion", "off"], timeout_seconds=60)
        eventually(lambda: set(view.phases().values()) == {"Streaming"}, timeout_seconds=60)
        # Applied may also be of a moment before the cameras existed; they are counted every ten seconds.
        eventually(lambda: summary(cluster, namespace) == ("True", "Applied", CAMERAS, CAMERAS), timeout_seconds=30)
        assert view.camera("yard-4")["status"]["policies"] == [
            {"name": "yard", "generation": 1, "fields": ["detectorClassName", "recording.days"]}
        ]
        assert "recording" not in view.camera("yard-1")["spec"] or view.camera("yard-1")["spec"]["recording"] == {}
        printed = cluster.kubectl("get", "camerapolicies", "--namespace", namespace)
        assert printed.split()[:6] == ["NAME", "PRIORITY", "CAMERAS", "UPDATED", "READY", "REASON"]
        assert printed.splitlines()[1].split()[:6] == ["yard", "0", "4", "4", "True", "Applied"]

        # Two of four cameras get a change first, and the others not before the time is over; no detector restarts.
        pods = set(view.pods())
        cluster.apply(policy(namespace, "continuous", rollout={"stepPercent": 50, "minReadySeconds": 600}))
        rolling_out = ("False", "RollingOut", CAMERAS, 2)
        eventually(
            lambda: modes(api).count("continuous") == 2 and summary(cluster, namespace) == rolling_out,
            timeout_seconds=30,
        )
        cluster.apply(policy(namespace, "continuous"))
        eventually(lambda: modes(api).count("continuous") == 3, timeout_seconds=30)
        eventually(lambda: summary(cluster, namespace) == ("True", "Applied", CAMERAS, CAMERAS), timeout_seconds=30)
        assert set(view.pods()) == pods

        # The API server refuses what the schema can tell, and names the field.
        refused = refusal(cluster, policy(namespace, "sometimes"))
        assert "spec.defaults.recording.mode" in refused
        if cluster.version >= (1, 25):  # older servers ignore CEL rules
            selector = {"matchExpressions": [{"key": "area", "operator": "In"}]}
            refused = refusal(cluster, policy(namespace, "off", selector=selector))
            assert "values must be given for In and NotIn" in refused

        cluster.kubectl("delete", "campol", "yard", "--namespace", namespace)
        eventually(lambda: modes(api) == ["off"] * CAMERAS, timeout_seconds=30)
