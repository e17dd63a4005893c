"""What the API server itself does with Camera resources: field selectors, and quotas of cameras and GPUs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import ApiError
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Installation

pytestmark = pytest.mark.timeout(300)

CAMERAS = "count/cameras.vigil.dev"
GPU = "nvidia.com/gpu"
UNUSED = "count/podtemplates"
"""A kind of which no test has objects."""


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


def limit(cluster: ControlPlane, namespace: str, hard: dict[str, str], *, used: dict[str, str]) -> None:
    """Create the quota `cameras`; wait until it has counted `used`, and the API server refuses what exceeds it."""
    quota: Document = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "cameras", "namespace": namespace},
        "spec": {"hard": hard},
    }
    edits = itertools.count(100)

    def counted() -> bool:
        # The controller learns of new definitions every 30 s, and until then evaluates each version of a quota once.
        # It also counts without the objects that it has not yet seen, and does not count again when they appear.
        quota["spec"]["hard"] = {**hard, UNUSED: str(next(edits))}
        return _counts(cluster, quota, used)

    eventually(counted, timeout_seconds=90, poll_seconds=0.5)
    # The API server decides by its own copy of the quota, which is older for some time: it has the one that was
    # counted when it refuses what only this version forbids.
    quota["spec"]["hard"] = {**hard, UNUSED: "0"}
    assert _counts(cluster, quota, used), cluster.kubectl_json("get", "quota", "--namespace", namespace)
    eventually(lambda: "exceeded quota: cameras" in _refusal(cluster, namespace))


def _counts(cluster: ControlPlane, quota: Document, used: dict[str, str]) -> bool:
    """Apply the quota; return whether the controller has evaluated this version, and counted `used`."""
    cluster.apply(quota)
    hard = quota["spec"]["hard"]
    namespace, name = quota["metadata"]["namespace"], quota["metadata"]["name"]

    def counted() -> dict[str, str] | None:
        status = cluster.http.get(f"/api/v1/namespaces/{namespace}/resourcequotas/{name}").get("status", {})
        return status.get("used") if status.get("hard") == hard else None

    return used.items() <= (eventually(counted) or {}).items()


def _refusal(cluster: ControlPlane, namespace: str) -> str:
    """Return why the API server would not create an object of the kind that has no use."""
    try:
        cluster.http.create(
            f"/api/v1/namespaces/{namespace}/podtemplates?dryRun=All",
            {"metadata": {"name": "probe"}, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
        )
    except ApiError as error:
        return str(error)
    return ""


def test_quota_refuses_further_cameras_by_its_name(vigil_cluster: ControlPlane, namespace: str) -> None:
    vigil_cluster.apply(camera(namespace, "first"))
    limit(vigil_cluster, namespace, {CAMERAS: "1"}, used={CAMERAS: "1"})
    with pytest.raises(KubectlError, match=r"exceeded quota: cameras, requested: count/cameras\.vigil\.dev=1"):
        vigil_cluster.apply(camera(namespace, "second"))


def test_api_and_status_name_the_quota(installation: Installation) -> None:
    cluster, view = installation.cluster, installation.view
    requested_gpus = f"requests.{GPU}"
    limit(
        cluster,
        installation.namespace,
        {CAMERAS: "2", requested_gpus: "1"},
        used={CAMERAS: "0", requested_gpus: "0"},
    )
    with installation.node(gpus={GPU: 4}), installation.api() as api:
        ids = [installation.add_camera(number, detector_class_name="gpu") for number in (1, 2)]

        def refused_pods() -> list[str]:
            found = [view.condition(f"cam-{number}", "Ready") for number in ids]
            return [each["message"] for each in found if each["reason"] == "DetectorRefused"]

        # One of the two has the only GPU of the quota.
        (message,) = eventually(refused_pods, timeout_seconds=90)
        assert "exceeded quota: cameras" in message
        assert f"{requested_gpus}=1" in message

        third = installation.add_camera(3)

        def resource_message() -> str:
            answer = api.get(f"/api/cameras/{third}/resource/")
            return "" if answer.status_code != 200 else str(answer.json()["conditions"][0]["message"])

        assert f"exceeded quota: cameras, requested: {CAMERAS}=1" in eventually(resource_message, timeout_seconds=60)
        assert api.post(f"/api/cameras/{ids[0]}/deactivate/").status_code == 200
        eventually(lambda: f"cam-{third}" in view.cameras(), timeout_seconds=60)
