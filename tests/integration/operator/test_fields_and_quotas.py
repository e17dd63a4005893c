"""What the API server itself does with Camera resources: field selectors, and quotas of cameras and GPUs."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Installation

pytestmark = pytest.mark.timeout(300)

CAMERAS = "count/cameras.vigil.dev"
GPU = "nvidia.com/gpu"


def camera(namespace: str, name: str, **spec: Any) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"stream": {"url": "rtsp://10.0.0.9:554/s"}, **spec},
    }


def test_cameras_are_selected_by_fields(vigil_cluster: ControlPlane, namespace: str) -> None:
    if vigil_cluster.version < (1, 31):
        pytest.skip("selectable fields of custom resources need Kubernetes 1.31")
    vigil_cluster.apply(
        [
            camera(namespace, "default"),
            camera(namespace, "off", active=False),
            camera(namespace, "named", detectorClassName="cpu"),
        ]
    )

    def selected(fields: str) -> set[str]:
        arguments = ("get", "cam", "--namespace", namespace, f"--field-selector={fields}", "--output=name")
        return {line.rpartition("/")[2] for line in vigil_cluster.kubectl(*arguments).split()}

    assert selected("spec.active=false") == {"off"}
    assert selected("spec.active=true") == {"default", "named"}
    assert selected("spec.detectorClassName=cpu") == {"named"}
    assert selected("spec.detectorClassName=") == {"default", "off"}
    assert selected("status.phase=Streaming") == set()
    classes = vigil_cluster.kubectl("get", "detclass", "--field-selector=spec.runtime=openvino", "--output=name")
    assert "detectorclass.vigil.dev/cpu" in classes.split()
    assert "detectorclass.vigil.dev/gpu" not in classes.split()


def limit(cluster: ControlPlane, namespace: str, **hard: str) -> None:
    """Create the quota `cameras` and wait until it counts."""
    manifest: Document = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "cameras", "namespace": namespace},
        "spec": {"hard": hard},
    }
    edits = itertools.count(100)

    def counted() -> bool:
        # The controller learns of new definitions every 30 s, and until then evaluates each version of a quota once.
        manifest["spec"]["hard"]["count/configmaps"] = str(next(edits))
        cluster.apply(manifest)
        time.sleep(1)
        found = cluster.kubectl_json("get", "quota", "cameras", "--namespace", namespace)
        return set(hard) <= set(found.get("status", {}).get("used", {}))

    eventually(counted, timeout_seconds=90)


def test_quota_refuses_further_cameras_by_its_name(vigil_cluster: ControlPlane, namespace: str) -> None:
    vigil_cluster.apply(camera(namespace, "first"))
    limit(vigil_cluster, namespace, **{CAMERAS: "1"})
    with pytest.raises(KubectlError, match=r"exceeded quota: cameras, requested: count/cameras\.vigil\.dev=1"):
        vigil_cluster.apply(camera(namespace, "second"))


def test_api_and_status_name_the_quota(installation: Installation) -> None:
    cluster, view = installation.cluster, installation.view
    limit(cluster, installation.namespace, **{CAMERAS: "2", f"requests.{GPU}": "1"})
    with installation.node(gpus={GPU: 4}), installation.api() as api:
        ids = [installation.add_camera(number, detector_class_name="gpu") for number in (1, 2)]

        def refused_pods() -> list[str]:
            found = [view.condition(f"cam-{number}", "Ready") for number in ids]
            return [each["message"] for each in found if each["reason"] == "DetectorRefused"]

        # One of the two has the only GPU of the quota.
        (message,) = eventually(refused_pods, timeout_seconds=90)
        assert "exceeded quota: cameras" in message
        assert f"requests.{GPU}=1" in message

        third = installation.add_camera(3)

        def resource_message() -> str:
            answer = api.get(f"/api/cameras/{third}/resource/")
            return "" if answer.status_code != 200 else str(answer.json()["conditions"][0]["message"])

        assert f"exceeded quota: cameras, requested: {CAMERAS}=1" in eventually(resource_message, timeout_seconds=60)
        assert api.post(f"/api/cameras/{ids[0]}/deactivate/").status_code == 200
        eventually(lambda: f"cam-{third}" in view.cameras(), timeout_seconds=60)
