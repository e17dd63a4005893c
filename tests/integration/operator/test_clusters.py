"""Two clusters share one API: each camera is watched by exactly one of them, and one PATCH moves it."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.cluster.reaper import Reaper
from tests.integration.operator.running import Operator, View, install_rights, release_cameras
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = pytest.mark.timeout(600)

MOVED_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class NamedCluster:
    """One cluster: an operator of its own with a namespace of its own."""

    operator: Operator
    view: View


@pytest.fixture
def north(make_operator: Callable[..., Operator], view: View) -> NamedCluster:
    operator = make_operator("north", VIGIL_CLUSTER_NAME="north")
    operator.start()
    return NamedCluster(operator, view)


@pytest.fixture
def south(
    vigil_cluster: ControlPlane, namespace: str, backend: BackendServer, operator_token: str
) -> Iterator[NamedCluster]:
    cameras = vigil_cluster.create_namespace(f"{namespace}-south")
    system = vigil_cluster.create_namespace(f"{namespace}-south-system")
    install_rights(vigil_cluster, system, cameras)
    reaper = Reaper()
    operator = Operator(
        *(vigil_cluster, system, cameras, backend.url, operator_token, reaper),
        identity="south",
        environment={"VIGIL_CLUSTER_NAME": "south"},
    )
    operator.start()
    yield NamedCluster(operator, View(vigil_cluster, cameras))
    operator.process.kill()
    reaper.close()
    release_cameras(vigil_cluster, cameras)
    for name in (cameras, system):
        vigil_cluster.delete_namespace(name, wait=False)


def pods_that_run(view: View) -> list[str]:
    """Return the names of the detectors' pods, those that are ending included: they may still watch."""
    return sorted(view.pods())


def token_of(view: View, camera_id: int) -> str:
    return b64decode(view.secrets()[f"cam-{camera_id}-detector"]["data"]["token"]).decode()


def status_of(backend: BackendServer, token: str, camera_id: int) -> int:
    with backend.client(token) as detector:
        return detector.get(f"/api/cameras/{camera_id}/configuration/").status_code


def watch_until(moved: Callable[[], bool], *, new: View, former: View) -> None:
    """Look at both clusters until the camera has moved; at no time may both have a pod of it."""
    deadline = time.monotonic() + MOVED_WITHIN_SECONDS
    while not moved():
        assert time.monotonic() < deadline, (new.phases(), former.phases())
        # The new cluster first: a pod that the former one still has afterwards has run beside the new one.
        in_new, in_former = pods_that_run(new), pods_that_run(former)
        assert not (in_new and in_former), (in_new, in_former)
        time.sleep(0.05)


def add_camera(api: httpx.Client, cluster: str) -> int:
    answer = api.post(
        "/api/cameras/",
        json={
            "name": "Gate",
            "rtsp_url": "rtsp://user:pass@10.0.0.9/s",
            "is_active": True,
            "detector_class_name": "cpu",
            "cluster": cluster,
        },
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def test_one_patch_moves_a_camera_and_exactly_one_cluster_watches_it(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator_token: str,
    north: NamedCluster,
    south: NamedCluster,
) -> None:
    with vigil_cluster.add_node(f"{namespace}-node"), backend.client(user.token) as api:
        camera_id = add_camera(api, "north")
        path, name = f"/api/cameras/{camera_id}/", f"cam-{camera_id}"
        eventually(lambda: north.view.phases() == {name: "Streaming"}, timeout_seconds=60)
        assert south.view.phases() == {}
        assert api.get(path).json()["watched_by"] == "north"
        token = token_of(north.view, camera_id)
        assert status_of(backend, token, camera_id) == 200

        refused = api.patch(path, json={"cluster": "west"})
        assert refused.status_code == 400
        assert "must be one of the known clusters (north, south)" in refused.json()["cluster"][0]

        # A third cluster that says it is the first is refused, and told why.
        with backend.client(operator_token) as impostor:
            answer = impostor.get("/api/active-cameras/", params={"cluster": "north", "identity": "another/cameras"})
        assert answer.status_code == 409
        assert "The cluster name north is in use by another cluster or namespace" in answer.json()["detail"]
        assert "Give each operator its own VIGIL_CLUSTER_NAME" in answer.json()["detail"]

        began = time.monotonic()
        assert api.patch(path, json={"cluster": "south"}).status_code == 200
        watch_until(
            lambda: south.view.phases() == {name: "Streaming"},
            new=south.view,
            former=north.view,
        )
        print(f"moved after {time.monotonic() - began:.1f} s")
        assert north.view.phases() == {}
        assert north.view.deployments() == {}
        assert api.get(path).json()["watched_by"] == "south"
        assert status_of(backend, token, camera_id) == 401
        assert status_of(backend, token_of(south.view, camera_id), camera_id) == 200

        # And back, while the operator that must let go is down: nobody takes the camera before it is back.
        south.operator.process.kill()
        assert api.patch(path, json={"cluster": "north"}).status_code == 200
        time.sleep(3)
        assert north.view.phases() == {}
        assert len(pods_that_run(south.view)) == 1
        south.operator.start()
        watch_until(
            lambda: north.view.phases() == {name: "Streaming"},
            new=north.view,
            former=south.view,
        )
        assert api.get(path).json()["watched_by"] == "north"
