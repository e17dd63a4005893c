"""The hand-over of cameras: a camera is released once none of its objects is left in the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE

from vigil_contracts.api_client import ApiError
from vigil_operator.kube.kinds import CAMERA, DEPLOYMENT, POD
from vigil_operator.kube.store import Store
from vigil_operator.sync.releaser import STUCK_SECONDS, Releaser


@dataclass
class Api:
    held: set[int] = field(default_factory=set)
    requests: list[list[int]] = field(default_factory=list)
    error: ApiError | None = None

    async def release_cameras(self, released: Collection[int]) -> tuple[int, ...]:
        self.requests.append(sorted(released))
        if self.error is not None:
            raise self.error
        self.held -= set(released)
        return tuple(self.held)


@dataclass
class Active:
    ids: set[int] = field(default_factory=set)

    def has(self, camera_id: int) -> bool:
        return camera_id in self.ids


class World:
    def __init__(self) -> None:
        self.api, self.store, self.active, self.now = Api({7}), Store(), Active(), 0.0
        self.releaser = Releaser(
            api=self.api,
            store=self.store,
            directory=self.active,
            namespace=NAMESPACE,
            monotonic=lambda: self.now,
        )

    def run(self, *, changed: bool = False) -> list[list[int]]:
        self.api.requests.clear()
        asyncio.run(self.releaser.run_if_due(have_cameras_changed=changed))
        return self.api.requests

    def add(self, kind: Any, name: str, camera: str = "cam-7", **labels: str) -> None:
        metadata = {
            "namespace": NAMESPACE,
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": {"vigil.dev/camera": camera, **labels},
        }
        self.store.observe(kind, {"metadata": metadata, "spec": {"template": {}}, "status": {}})

    def remove(self, kind: Any, name: str) -> None:
        (key,) = [key for key in self.store._collection(kind) if key.name == name]
        self.store.forget(kind, key, f"uid-{name}")


BACKEND = {"vigil.dev/managed-by": "backend", "vigil.dev/camera-id": "7"}


@pytest.fixture
def world() -> World:
    """The API waits for camera 7, which has moved to another cluster."""
    made = World()
    assert made.run(changed=True) == [[]]
    return made


def test_nothing_is_asked_before_the_cameras_change() -> None:
    made = World()
    assert made.run() == []
    made.api.held.clear()
    assert made.run(changed=True) == [[]]
    assert made.run() == [], "nothing is awaited"


def test_camera_is_released_after_its_resource_deployment_and_pod_are_gone(world: World) -> None:
    world.add(CAMERA, "cam-7", **BACKEND)
    world.add(DEPLOYMENT, "cam-7-detector")
    world.add(POD, "cam-7-detector-1")
    assert world.run() == [[]]
    world.remove(CAMERA, "cam-7")
    assert world.run() == [[]]
    world.remove(DEPLOYMENT, "cam-7-detector")
    assert world.run() == [[]]
    world.remove(POD, "cam-7-detector-1")
    assert world.run() == [[7]]
    assert world.run() == []


def test_camera_that_the_api_gives_again_is_kept(world: World) -> None:
    world.active.ids.add(7)
    assert world.run() == [[]]


def test_pod_on_a_failed_node_does_not_hold_the_camera_for_ever(world: World) -> None:
    world.add(POD, "cam-7-detector-1")
    world.now = STUCK_SECONDS - 1
    assert world.run() == [[]]
    world.now = STUCK_SECONDS
    assert world.run() == [[7]]


def test_objects_of_a_kubectl_camera_of_the_same_name_do_not_count(world: World) -> None:
    world.add(CAMERA, "cam-7")
    world.add(POD, "cam-7-detector-1")
    world.add(POD, "cam-7-api-detector-1", camera="cam-7-api")
    assert world.run() == [[]]
    world.remove(POD, "cam-7-api-detector-1")
    assert world.run() == [[7]]


def test_failure_is_logged_once_and_retried(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.api.error = ApiError("POST /api/camera-releases/: 503", status=503)
    assert world.run() == world.run() == [[7]]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "could not hand cameras over: POST /api/camera-releases/: 503; retrying"
    ]
    world.api.error = None
    assert world.run() == [[7]]


def test_api_of_an_older_version_is_not_asked_again_and_again(world: World) -> None:
    world.api.error = ApiError("POST /api/camera-releases/: 404", status=404)
    assert world.run() == [[7]]
    assert world.run() == []
