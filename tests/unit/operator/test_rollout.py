"""A class change restarts its cameras a few at a time; a camera's own change applies at once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator.builders import GPU_CLASS, NAMESPACE, configuration, plan
from tests.unit.operator.test_flow import CLASS_PATH, World

from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.plan import DetectorSecrets
from vigil_operator.core.observed import Key, deployment_from_body
from vigil_operator.core.rollout import RolloutGate, is_roll
from vigil_operator.kube.kinds import DEPLOYMENT

GPU = GPU_CLASS
KEYS = [Key(NAMESPACE, f"cam-{number}") for number in range(6)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (plan(), False),
        (plan(**GPU, image="vigil-detector:2"), True),
        (plan(**GPU, nodeSelector={"zone": "a"}), True),
        (plan(class_name="cpu", runtime="openvino"), False),
        (plan(secrets=DetectorSecrets("token-of-cam-7", "admin", "rotated")), False),
    ],
    ids=["nothing", "image", "node-selector", "another-class", "password"],
)
def test_changes_that_wait_for_their_turn(changed: Any, expected: bool) -> None:
    assert is_roll(build_deployment(plan()), build_deployment(changed)) is expected


def test_removed_class_fields_wait_too() -> None:
    assert is_roll(build_deployment(plan(**GPU, nodeSelector={"zone": "a"})), build_deployment(plan(**GPU)))


def test_changed_replica_count_is_reverted_at_once() -> None:
    scaled = build_deployment(plan())
    scaled["spec"] = {**scaled["spec"], "replicas": 0}
    assert not is_roll(scaled, build_deployment(plan()))


def test_number_of_concurrent_restarts_is_limited() -> None:
    gate = RolloutGate(2)
    assert [gate.may_roll(key, is_running=True) for key in KEYS] == [True, True, False, False, False, False]
    assert gate.settled(KEYS[0]) == (KEYS[2],)
    assert gate.may_roll(KEYS[2], is_running=True)
    assert not gate.may_roll(KEYS[3], is_running=True)
    assert gate.is_rolling(KEYS[2])


def test_slot_holders_and_stopped_cameras_need_no_new_slot() -> None:
    gate = RolloutGate(1)
    assert gate.may_roll(KEYS[0], is_running=True)
    assert gate.may_roll(KEYS[0], is_running=False)
    assert gate.may_roll(KEYS[1], is_running=False)
    assert not gate.may_roll(KEYS[2], is_running=True)


def test_removed_camera_releases_its_slot_and_its_turn() -> None:
    gate = RolloutGate(1)
    for key in KEYS[:3]:
        gate.may_roll(key, is_running=True)
    assert gate.settled(KEYS[1]) == ()
    assert gate.settled(KEYS[0]) == (KEYS[2],)
    assert gate.settled(KEYS[5]) == (KEYS[2],)


def deployments(world: World) -> dict[str, dict[str, Any]]:
    prefix = DEPLOYMENT.path(NAMESPACE)
    return {path: item for path, item in world.server.objects.items() if path.startswith(prefix)}


def mark_ready(world: World, path: str) -> None:
    found = world.server.objects[path]
    world.server._version += 1
    metadata = {**found["metadata"], "resourceVersion": str(world.server._version)}
    status = {
        "observedGeneration": metadata["generation"],
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
    }
    world.server.objects[path] = {**found, "metadata": metadata, "status": status}
    camera = metadata["labels"]["vigil.dev/camera"]
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
    world.server.objects[f"/api/v1/namespaces/{NAMESPACE}/pods/{camera}"] = {
        "metadata": {
            "name": camera,
            "namespace": NAMESPACE,
            "uid": f"pod-{camera}",
            "resourceVersion": str(world.server._version),
            "labels": {"vigil.dev/camera": camera},
        },
        "spec": {"nodeName": "n"},
        "status": {"conditions": conditions},
    }


def on(world: World, image: str) -> list[str]:
    found = deployments(world).items()
    return [path for path, item in found if item["spec"]["template"]["spec"]["containers"][0]["image"] == image]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}, True),
        ({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}, False),
        ({}, False),
    ],
)
def test_deployment_has_rolled_out(status: dict[str, int], expected: bool) -> None:
    assert deployment_from_body({"metadata": {"generation": 2}, "status": status}).is_running is expected


def test_a_changed_class_rolls_its_cameras_two_at_a_time() -> None:
    world = World()
    world.api.cameras = [configuration(number) for number in range(1, 7)]
    world.settle()
    for path in deployments(world):
        mark_ready(world, path)
    world.settle()
    world.server._version += 1
    changed = world.server.objects[CLASS_PATH]
    changed["metadata"]["resourceVersion"] = str(world.server._version)
    changed["spec"] = {**changed["spec"], "image": "vigil-detector:2"}
    for expected in (2, 4, 6):
        world.settle()
        assert len(on(world, "vigil-detector:2")) == expected
        assert world.quiet() == []
        for path in on(world, "vigil-detector:2"):
            mark_ready(world, path)
