"""A real API server warns about a camera whose detector class has no room, also in a dry run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from tests.chart.helm import Document, documents, render, renderer
from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import MERGE
from tests.cluster.polling import eventually
from tests.integration.operator.running import install_definitions
from tests.scheduling import CLUSTER_GROUP
from tools.system_packages import MissingPackagesError

pytestmark = [pytest.mark.xdist_group(CLUSTER_GROUP), pytest.mark.timeout(180)]

CLASSES = "/apis/vigil.dev/v1alpha1/detectorclasses"


@pytest.fixture
def full_class(cluster: ControlPlane, namespace: str) -> Iterator[str]:
    """A class, and the chart's policy for the cameras of `namespace`."""
    if cluster.version < (1, 30):
        pytest.skip("ValidatingAdmissionPolicy needs Kubernetes 1.30")
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))
    install_definitions(cluster)
    name = f"{namespace}-full"
    values = {"detectors": {"namespace": namespace}}
    rendered = documents(render(values, release=namespace, kube_version="v1.36.2"))
    policies = [
        each
        for each in rendered
        if each["kind"].startswith("ValidatingAdmissionPolicy") and "camera-room" in each["metadata"]["name"]
    ]
    assert len(policies) == 2
    detector_class: Document = {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "DetectorClass",
        "metadata": {"name": name},
        "spec": {"runtime": "openvino"},
    }
    cluster.apply([detector_class, *policies])
    yield name
    text = yaml.safe_dump_all([detector_class, *policies])
    cluster.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=text)


def test_dry_run_warns_while_there_is_no_room(cluster: ControlPlane, namespace: str, full_class: str) -> None:
    camera: Document = {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": "gate", "namespace": namespace},
        "spec": {"detectorClassName": full_class, "stream": {"url": "rtsp://10.0.0.9:554/s"}},
    }

    def set_room(room: int) -> None:
        status = {"status": {"capacity": {"room": room}}}
        cluster.http.patch(f"{CLASSES}/{full_class}/status", status, kind=MERGE)

    def answer(*options: str, **spec: object) -> str:
        text = yaml.safe_dump(camera | {"spec": camera["spec"] | spec})
        arguments = ("apply", "--warnings-as-errors", "--filename=-", *options)
        return cluster.kubectl(*arguments, stdin=text, check=False)

    warning = f"no room for a further camera in DetectorClass {full_class}"
    set_room(0)
    eventually(lambda: warning in answer("--dry-run=server"), timeout_seconds=60)
    assert "gate" not in cluster.kubectl("get", "cam", "--namespace", namespace), "a dry run stores nothing"
    assert warning not in answer("--dry-run=server", active=False)

    assert warning in answer()
    assert "gate" in cluster.kubectl("get", "cam", "--namespace", namespace), "it is accepted and waits"
    assert warning not in answer(displayName="Gate"), "it waits already"
    cluster.kubectl("delete", "cam", "gate", "--namespace", namespace)
    set_room(1)
    eventually(lambda: warning not in answer("--dry-run=server"), timeout_seconds=30)
