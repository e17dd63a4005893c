"""Listings distinguish a dead watch from a quiet one."""

from __future__ import annotations

import pytest
from tests.unit.operator.builders import camera_body
from tests.unit.operator.test_store import listing

from vigil_operator.health import Health, Heartbeat
from vigil_operator.kube.kinds import CAMERA, POD
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.kube.watch import UNTOLD_LIMIT_SECONDS, deliver_to
from vigil_operator.kube.watch_health import WatchHealth


class World:
    """A store that a watch and a listing feed, and what /healthz says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = Store()
        self.store.watch_health = WatchHealth(monotonic=lambda: self.now)
        self.tell = deliver_to(self.store, WorkQueue())
        self.health = Health(monotonic=lambda: self.now)
        self.health.expect({"watch": Heartbeat(self.store.watch_health.alive_at, UNTOLD_LIMIT_SECONDS)})

    def list_and_wait(self, *versions: int, seconds: float = UNTOLD_LIMIT_SECONDS + 1) -> list[str]:
        """Lists cam-1, cam-2, … in these versions; what is wrong when it is looked at later."""
        bodies = [camera_body(f"cam-{number}", version=version) for number, version in enumerate(versions, start=1)]
        self.store.replace(CAMERA, listing(100, *bodies))
        self.now += seconds
        return self.health.problems()


@pytest.fixture
def world() -> World:
    return World()


def test_overdue_report_means_a_dead_watch(world: World) -> None:
    assert world.list_and_wait(10, seconds=UNTOLD_LIMIT_SECONDS - 1) == []
    (problem,) = world.list_and_wait(10, seconds=2)
    assert problem.startswith("watch: last 121 s ago")
    world.tell(CAMERA, "", camera_body("cam-1", version=10))
    assert world.health.problems() == []


def test_late_reports_are_accepted(world: World) -> None:
    world.list_and_wait(10, 10, seconds=60)
    world.tell(CAMERA, "MODIFIED", camera_body("cam-1", version=12))
    world.tell(CAMERA, "ADDED", camera_body("cam-2", version=10))
    assert world.list_and_wait(12, 10) == []


def test_quiet_watch_is_alive(world: World) -> None:
    world.tell(CAMERA, "", camera_body("cam-1", version=10))
    assert world.list_and_wait(10, seconds=9999) == []


def test_old_versions_and_other_kinds_do_not_prove_a_watch_alive(world: World) -> None:
    world.tell(CAMERA, "", camera_body("cam-1", version=10))
    world.list_and_wait(15, seconds=1)
    world.tell(POD, "ADDED", camera_body("a-pod", version=30))
    world.tell(CAMERA, "MODIFIED", camera_body("cam-1", version=12))
    assert world.list_and_wait(15) != []


def test_busy_watch_is_alive(world: World) -> None:
    world.list_and_wait(10, 10, seconds=UNTOLD_LIMIT_SECONDS - 1)
    world.tell(CAMERA, "", camera_body("cam-1", version=10))
    world.now += UNTOLD_LIMIT_SECONDS - 1
    assert world.health.problems() == []


def test_deleted_objects_need_no_report(world: World) -> None:
    world.list_and_wait(10, 10, seconds=1)
    world.tell(CAMERA, "DELETED", camera_body("cam-2", version=11))
    assert world.list_and_wait() == []
