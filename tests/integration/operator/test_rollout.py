"""A broken class change affects only a few cameras; once fixed, it reaches all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = pytest.mark.timeout(600)

CAMERAS = 6
AT_ONCE = 2


def detector_class(name: str, image: str, selector: dict[str, str]) -> Document:
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "DetectorClass",
        "metadata": {"name": name},
        "spec": {"image": image, "runtime": "openvino", "nodeSelector": selector},
    }


def images(view: View) -> list[str]:
    specs = [item["spec"]["template"]["spec"] for item in view.deployments().values()]
    return sorted(spec["containers"][0]["image"] for spec in specs)


def ready(view: View) -> int:
    return sum(bool(item.get("status", {}).get("readyReplicas")) for item in view.deployments().values())


def test_rollout_of_a_broken_class_stops_after_a_few_restarts(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    name = f"class-{namespace}"
    vigil_cluster.apply(detector_class(name, "detector:1", {}))
    make_operator(VIGIL_RESTARTS_AT_ONCE=str(AT_ONCE)).start()
    with vigil_cluster.add_node(f"{namespace}-node", cpu="64", memory="128Gi"):
        for number in range(CAMERAS):
            url = f"rtsp://10.0.0.{number + 1}/s"
            backend.add_camera(user.token, name=f"{number}", rtsp_url=url, detector_class_name=name)
        eventually(lambda: ready(view) == CAMERAS, timeout_seconds=60)

        vigil_cluster.apply(detector_class(name, "detector:2", {"no": "such-node"}))
        eventually(lambda: images(view).count("detector:2") == AT_ONCE)
        eventually(lambda: sorted(view.phases().values()).count("Pending") == AT_ONCE)
        eventually(lambda: ready(view) == CAMERAS - AT_ONCE)
        assert images(view).count("detector:1") == CAMERAS - AT_ONCE

        fewest = CAMERAS
        vigil_cluster.apply(detector_class(name, "detector:3", {}))

        def done() -> bool:
            nonlocal fewest
            fewest = min(fewest, ready(view))
            return images(view) == ["detector:3"] * CAMERAS and ready(view) == CAMERAS

        eventually(done, timeout_seconds=90)
        assert fewest >= CAMERAS - AT_ONCE - 1
    vigil_cluster.kubectl("delete", "detectorclass", name)
