"""The operator is killed at every API call, once before and once after it takes effect.

A new process takes up from what is stored, and ends up where one that was never killed does: nothing twice, nothing
left over, nothing more to write.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, camera_spec, configuration
from tests.unit.operator.test_flow import World
from tests.unit.operator.test_registration import CREDENTIALS, GATE, edit, gate_body, secret_body

from vigil_operator.kube.kinds import CAMERA

CLASS_PATH = "/apis/vigil.dev/v1alpha1/detectorclasses/cpu"
RUNS_OUT = 1000


class KilledError(BaseException):
    """No handler of the operator catches it, as none would catch SIGKILL."""


class Failpoint:
    """Kills at the call of that number, counted from 0; the caller says where the call takes effect."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.number, self.after, self.calls = number, after, 0

    async def around(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        is_this = self.calls - 1 == self.number
        if is_this and not self.after:
            raise KilledError
        answer = await call()
        if is_this:
            raise KilledError
        return answer


def arm(world: World, failpoint: Failpoint) -> None:
    """Lets every call of the Kubernetes API that writes, and of ours, go by way of the failpoint."""
    request = world.server.request

    async def guarded(method: str, path: str, content_type: str, body: Any) -> tuple[int, Mapping[str, str], bytes]:
        if method == "GET":
            return await request(method, path, content_type, body)
        answer: tuple[int, Mapping[str, str], bytes] = await failpoint.around(
            lambda: request(method, path, content_type, body)
        )
        return answer

    world.server.request = guarded  # type: ignore[method-assign]
    for name in ("issue_detector_token", "register_resource", "unregister_resource"):
        setattr(world.api, name, _guarded(failpoint, getattr(world.api, name)))


def _guarded(failpoint: Failpoint, call: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(*arguments: Any) -> Any:
        return await failpoint.around(lambda: call(*arguments))

    return guarded


def empty() -> World:
    world = World()
    world.api.cameras = []
    return world


def added(world: World) -> None:
    world.api.cameras = [configuration(7), configuration(8)]


def another_password(world: World) -> None:
    world.api.cameras = [
        configuration(7, url="rtsp://admin:rotated@10.0.0.7:554/s", revision="r2"),
        configuration(8),
    ]


def another_class(world: World) -> None:
    world.server.objects[CLASS_PATH] = {
        "metadata": {"name": "cpu", "uid": "k", "resourceVersion": "2"},
        "spec": {"runtime": "openvino", "spool": {"persistentVolumeClaim": {}}},
    }
    world.api.cameras = [configuration(7, detector_class_name="cpu", revision="r3"), configuration(8)]


def meddled_with(world: World) -> None:
    edit(world, CAMERA.path(NAMESPACE, "cam-7"), spec=camera_spec(active=False))


def switched_off(world: World) -> None:
    world.api.cameras = [configuration(8)]


def applied(world: World) -> None:
    world.server.objects[CREDENTIALS] = secret_body(version=world.server._version)
    world.server.objects[GATE] = gate_body()


def unapplied(world: World) -> None:
    if GATE in world.server.objects:
        edit(world, GATE, metadata={"deletionTimestamp": "2026-03-01T12:00:00Z"})


LIFE = (added, another_password, another_class, meddled_with, applied, switched_off, unapplied)
"""Of two cameras of the API and one of kubectl; after each, the operator has its way."""


def live(world: World, failpoint: Failpoint) -> int:
    """Until the part of the life in which the failpoint kills is over; the number of that part, or of the last."""
    arm(world, failpoint)
    for number, happens in enumerate(LIFE):
        happens(world)
        is_killed = False
        while True:
            try:
                world.settle(2)
                break
            except KilledError:
                is_killed = True
                world.restart()
        if is_killed:
            assert world.quiet() == [], f"after {happens.__name__}"
            return number
    return len(LIFE) - 1


def picture(world: World) -> dict[str, Any]:
    """All that is stored, without what may differ and nobody minds: versions, events, and tokens issued twice."""
    found = {
        path: {key: value for key, value in item.items() if key in {"spec", "data", "type", "status"}}
        for path, item in world.server.objects.items()
        if "/events/" not in path
    }
    for item in found.values():
        if "token" in item.get("data", {}):
            item["data"] = {**item["data"], "token": "any"}
    return {path: _without_checksums(item) for path, item in found.items()}


def _without_checksums(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_checksums(inner) for key, inner in value.items() if not re.search("checksum|creden", key)
        }
    return [_without_checksums(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def undisturbed() -> tuple[list[dict[str, Any]], int]:
    """What is stored after each part of a life in which nobody is killed, and how many calls the whole takes."""
    world, counting, pictures = empty(), Failpoint(RUNS_OUT, after=True), []
    arm(world, counting)
    for happens in LIFE:
        happens(world)
        world.settle(2)
        assert world.quiet() == []
        pictures.append(copy.deepcopy(picture(world)))
    return pictures, counting.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_operator_killed_at_any_call_converges(undisturbed: tuple[list[dict[str, Any]], int], after: bool) -> None:
    pictures, calls = undisturbed
    assert 25 <= calls < RUNS_OUT
    parts = set()
    for number in range(calls):
        world = empty()
        part = live(world, Failpoint(number, after=after))
        parts.add(part)
        assert picture(world) == pictures[part], f"killed at call {number}"
        by_uid = {item["metadata"]["uid"] for item in world.server.objects.values()}
        owners = [owner for item in world.server.objects.values() for owner in _owners(item)]
        assert owners
        assert {owner["uid"] for owner in owners} <= by_uid, f"killed at call {number}: an orphan is left"
    assert parts == set(range(len(LIFE))), "some part of the life has no call"


def _owners(item: dict[str, Any]) -> list[dict[str, Any]]:
    return list(item["metadata"].get("ownerReferences", []))


def test_scenario_has_content_at_each_step(undisturbed: tuple[list[dict[str, Any]], int]) -> None:
    """What is compared holds something at each step."""
    pictures, _ = undisturbed
    names = [{path.rpartition("/")[2] for path in one} for one in pictures]
    assert {"cam-7", "cam-7-detector", "cam-8", "cam-8-detector"} <= names[0]
    assert {"gate", "gate-detector"} <= names[4]
    assert "cam-7" not in names[5]
    assert "gate" not in names[6]
