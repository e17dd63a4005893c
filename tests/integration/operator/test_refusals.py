"""What a real API server refuses appears in the status of the camera and of its DetectorClass, and in an event."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View, reading

pytestmark = pytest.mark.timeout(300)

CLASSES = "/apis/vigil.dev/v1alpha1/detectorclasses"
REFUSED_AFTER_SECONDS = "3"


def test_class_that_the_api_server_refuses(
    vigil_cluster: ControlPlane, namespace: str, make_operator: Callable[..., Operator], view: View
) -> None:
    vigil_cluster.apply(camera(namespace, "fresh", f"{namespace}-bad"))
    assert view.camera("fresh")["status"] == {"observedGeneration": -1}, "no operator has seen it"
    make_operator(
        module="tests.integration.operator.impatient_operator",
        VIGIL_TEST_REFUSED_AFTER_SECONDS=REFUSED_AFTER_SECONDS,
    ).start()
    good, bad = f"{namespace}-good", f"{namespace}-bad"
    try:
        with vigil_cluster.add_node(f"{namespace}-node"):
            # Two classes: one is wrong from the start, one becomes wrong while its camera streams.
            vigil_cluster.apply([detector_class(good), detector_class(bad, nodeSelector={"not a label": "x"})])
            vigil_cluster.apply(camera(namespace, "running", good))
            eventually(lambda: accepted(vigil_cluster, bad)["reason"] == "DetectorRefused")
            assert "not a label" in accepted(vigil_cluster, bad)["message"]
            eventually(lambda: view.condition("running", "Ready")["status"] == "True", timeout_seconds=60)
            vigil_cluster.kubectl("wait", "cam", "running", "--for=condition=Ready", "--namespace", namespace)
            eventually(lambda: view.condition("fresh", "Ready")["reason"] == "DetectorRefused")
            ready = view.condition("fresh", "Ready")
            assert "spec.template.spec.nodeSelector" in ready["message"]
            assert view.phases()["fresh"] == "Failed"
            # The event is written after the status.
            eventually(lambda: refusals_told(view) == [ready["message"]])
            eventually(lambda: cameras(vigil_cluster, good, bad) == [1, 1])

            pods = set(view.pods())
            vigil_cluster.apply(detector_class(good, nodeSelector={"not a label": "x"}))
            eventually(lambda: view.condition("running", "Ready")["reason"] == "DetectorRefused")
            eventually(lambda: accepted(vigil_cluster, good)["status"] == "False")
            assert (view.phases()["running"], set(view.pods())) == ("Degraded", pods)

            # What the API server takes as a Deployment it may still refuse as a pod.
            vigil_cluster.apply(detector_class(bad, priorityClassName="no-such-priority"))
            eventually(lambda: "no-such-priority" in view.condition("fresh", "Ready")["message"])
            assert view.condition("fresh", "Stalled")["reason"] == "DetectorRefused"

            vigil_cluster.apply([detector_class(good), detector_class(bad)])
            eventually(lambda: set(view.phases().values()) == {"Streaming"}, timeout_seconds=60)
            eventually(lambda: accepted(vigil_cluster, bad)["status"] == "True")
            for name in (good, bad):
                eventually(partial(has_events, vigil_cluster, name, "Warning  DetectorRefused", "Normal   Accepted"))
    finally:
        vigil_cluster.kubectl("delete", "detclass", good, bad, "--ignore-not-found")


def has_events(cluster: ControlPlane, name: str, *rows: str) -> bool:
    """Return whether `kubectl describe` shows these Events of a class."""
    text = cluster.kubectl("describe", "detclass", name)
    return all(row in text for row in rows)


def refusals_told(view: View) -> list[str]:
    return [event["message"] for event in view.events() if event["reason"] == "DetectorRefused"]


def detector_class(name: str, **spec: Any) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "DetectorClass",
        "metadata": {"name": name},
        "spec": {"runtime": "openvino", "resources": {"limits": {"memory": "256Mi"}}, **spec},
    }


def camera(namespace: str, name: str, class_name: str) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"detectorClassName": class_name, "stream": {"url": "rtsp://10.0.0.9:554/s"}},
    }


def status(cluster: ControlPlane, name: str) -> Document:
    with reading():
        found: Document = cluster.http.get(f"{CLASSES}/{name}").get("status", {})
    return found


def accepted(cluster: ControlPlane, name: str) -> Document:
    conditions = status(cluster, name).get("conditions") or [{"status": "", "reason": "", "message": ""}]
    found: Document = conditions[0]
    return found


def cameras(cluster: ControlPlane, *names: str) -> list[int]:
    return [status(cluster, name).get("cameras", 0) for name in names]
