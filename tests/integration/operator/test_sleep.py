"""A camera sleeps while its schedule is disarmed: on a real API server, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View
from tests.integration.operator.test_refusals import detector_class
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = pytest.mark.timeout(300)

GPU = "example.com/night-gpu"
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def camera(namespace: str, name: str, class_name: str, armed_at: datetime | None, **spec: Any) -> Document:
    """A camera that is armed for an hour each day from `armed_at`; None: always."""
    detection = {} if armed_at is None else {"schedule": schedule(armed_at)}
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "detectorClassName": class_name,
            "stream": {"url": "rtsp://10.0.0.9:554/s"},
            "detection": detection,
            **spec,
        },
    }


def schedule(armed_at: datetime) -> Document:
    end = armed_at + timedelta(hours=1)
    window = {"days": EVERY_DAY, "start": f"{armed_at:%H:%M}", "end": f"{end:%H:%M}"}
    return {"timeZone": "UTC", "windows": [window]}


def test_camera_sleeps_and_is_warm_before_it_is_armed(
    vigil_cluster: ControlPlane,
    namespace: str,
    make_operator: Callable[..., Operator],
    view: View,
    backend: BackendServer,
    user: BackendUser,
    tmp_path: Path,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    make_operator(module="tests.integration.operator.shifted_operator", VIGIL_TEST_CLOCK=str(clock)).start()
    name = f"{namespace}-night"
    armed_at = (datetime.now(UTC) + timedelta(hours=3)).replace(second=0, microsecond=0)
    night, day = camera(namespace, "night", name, armed_at), camera(namespace, "day", name, None)
    try:
        with vigil_cluster.add_node(f"{namespace}-node", gpus={GPU: 1}):
            vigil_cluster.apply(
                detector_class(
                    name, device="cpu", gpu={"resourceName": GPU, "count": 1}, sleep={"warmUpSeconds": 600}
                )
            )
            vigil_cluster.apply(night)
            eventually(lambda: view.phases()["night"] == "Asleep")
            vigil_cluster.kubectl("wait", "cam", "night", "--for=condition=Ready", "--namespace", namespace)
            status = view.camera("night")["status"]
            assert status["wakeTime"] == f"{armed_at - timedelta(seconds=600):%Y-%m-%dT%H:%M:%SZ}"
            assert "night-detector" not in view.deployments()
            health = eventually(lambda: sleeping_health(backend, user, status["cameraId"]), timeout_seconds=20)
            assert health["wake_time"] == status["wakeTime"]

            capacity = eventually(lambda: capacity_of(vigil_cluster, name, asleep=1), timeout_seconds=20)
            assert capacity["requests"][GPU] == "1"

            # Its GPU is free for another one.
            vigil_cluster.apply(day)
            eventually(lambda: view.phases()["day"] == "Streaming", timeout_seconds=60)
            started = eventually(lambda: start_seconds(vigil_cluster, name), timeout_seconds=20)
            assert 0 < started <= 60
            vigil_cluster.kubectl("delete", "cam", "day", "--namespace", namespace, "--wait=false")

            clock.write_text(str((armed_at - datetime.now(UTC)).total_seconds() - 590))
            vigil_cluster.kubectl("annotate", "cam", "night", "seen=1", "--namespace", namespace)
            eventually(lambda: view.phases()["night"] == "Streaming", timeout_seconds=60)

            # It sleeps again after its hour, and an edit that arms it wakes it at once.
            clock.write_text(str((armed_at - datetime.now(UTC)).total_seconds() + 3700))
            vigil_cluster.kubectl("annotate", "cam", "night", "seen=2", "--namespace", namespace, "--overwrite")
            eventually(lambda: view.phases()["night"] == "Asleep" and not view.deployments())
            vigil_cluster.apply(camera(namespace, "night", name, None))
            eventually(lambda: view.phases()["night"] == "Streaming", timeout_seconds=60)
    finally:
        vigil_cluster.kubectl("delete", "detclass", name, "--ignore-not-found")


def sleeping_health(backend: BackendServer, user: BackendUser, camera_id: int) -> Document:
    with backend.client(user.token) as api:
        health: Document = api.get(f"/api/cameras/{camera_id}/").json().get("health", {})
    return health if health.get("phase") == "Asleep" else {}


def capacity_of(cluster: ControlPlane, name: str, *, asleep: int) -> Document:
    status = cluster.http.get(f"/apis/vigil.dev/v1alpha1/detectorclasses/{name}").get("status", {})
    capacity: Document = status.get("capacity", {})
    return capacity if capacity.get("asleep") == asleep else {}


def start_seconds(cluster: ControlPlane, name: str) -> int:
    status = cluster.http.get(f"/apis/vigil.dev/v1alpha1/detectorclasses/{name}").get("status", {})
    return int(status.get("startSeconds", 0))
