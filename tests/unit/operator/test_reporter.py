"""Reports of resources to the API: changes once, and everything again after an outage."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.unit.operator.builders import NAMESPACE, NOW, camera, camera_body

from vigil_contracts.api_client import ApiError
from vigil_contracts.resources import STATES_AT_ONCE, ReportedClass, ResourceState, ResourceStates
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.observed import Key
from vigil_operator.core.state_report import state_of
from vigil_operator.kube.kinds import CAMERA, DETECTOR_CLASS
from vigil_operator.kube.store import Store
from vigil_operator.sync.reporter import Reporter

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Streaming",
    "message": "The camera is streaming.",
    "observedGeneration": 1,
    "lastTransitionTime": rfc3339(NOW),
}


def status(**changes: Any) -> dict[str, Any]:
    return {
        "phase": "Streaming",
        "conditions": [READY],
        "detector": {"pod": "p", "node": "node-1", "class": "gpu"},
        "stream": {"fps": 5.0},
    } | changes


@dataclass
class World:
    """A store, and an API that remembers what it was told."""

    is_away: bool = False
    refuses: bool = False
    told: list[ResourceStates] = field(default_factory=list)
    store: Store = field(default_factory=Store)
    version: int = 10
    refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reporter = Reporter(
            api=self,
            store=self.store,
            directory=self,
            source_of=lambda namespace: f"c/{namespace}",
            namespace=NAMESPACE,
            refused=lambda: self.refused,
        )

    async def report_resources(self, states: ResourceStates) -> None:
        if self.refuses:
            raise ApiError("POST /api/camera-resources/status/: 405", status=405)
        self.told.append(states)

    def put(self, number: int, **changes: Any) -> None:
        self.version += 1
        body = camera_body(
            f"cam-{number}",
            uid=f"uid-{number}",
            camera_id=number,
            status=status(**changes),
            version=self.version,
        )
        self.store.observe(CAMERA, body)

    def round(self) -> list[ResourceStates]:
        self.told.clear()
        asyncio.run(self.reporter.report_once())
        return list(self.told)


def test_report_equals_the_status() -> None:
    state = state_of(camera(status=status()))
    assert state == ResourceState.model_validate(
        {
            "camera": 7,
            "resource": "cam-7",
            "phase": "Streaming",
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Streaming",
                    "message": "The camera is streaming.",
                    "last_transition_time": NOW,
                }
            ],
            "node": "node-1",
            "detector_class": "gpu",
        }
    )


def test_no_report_before_the_first_status() -> None:
    assert state_of(camera()) is None
    assert state_of(camera(camera_id=None, status=status())) is None


def test_too_long_message_is_truncated() -> None:
    state = state_of(camera(status=status(conditions=[READY | {"message": "x" * 9000}])))
    assert state is not None
    assert len(state.conditions[0].message) == 2000


def test_only_changes_are_reported_in_batches() -> None:
    world = World()
    for number in range(1, STATES_AT_ONCE + 2):
        world.put(number)
    assert [len(states.states) for states in world.round()] == [STATES_AT_ONCE, 1]
    assert world.round() == []
    world.put(3, stream={"fps": 4.0})  # the detector's heartbeat tells the API that itself
    assert world.round() == []
    world.put(3, phase="Degraded")
    [states] = world.round()
    assert [(state.camera, state.phase) for state in states.states] == [(3, "Degraded")]


def test_deleted_resource_is_reported_once() -> None:
    world = World()
    world.put(3)
    world.round()
    world.store.forget(CAMERA, Key(NAMESPACE, "cam-3"), "uid-3")
    assert world.round() == [ResourceStates(source=f"c/{NAMESPACE}", gone=(3,))]
    assert world.round() == []


def test_rejected_reports_are_sent_again() -> None:
    world = World(refuses=True)
    world.put(3)
    assert world.round() == []
    world.refuses = False
    assert [len(states.states) for states in world.round()] == [1]


def test_recovered_api_receives_all_reports() -> None:
    world = World()
    world.put(3)
    world.round()
    world.is_away = True
    assert world.round() == []
    world.is_away = False
    assert [len(states.states) for states in world.round()] == [1]


def put_class(world: World, name: str, room: object, *, default: bool = False) -> None:
    world.version += 1
    annotations = {"detectorclass.vigil.dev/is-default-class": "true"} if default else {}
    metadata = {"name": name, "uid": name, "resourceVersion": str(world.version), "annotations": annotations}
    capacity = {} if room is None else {"room": room}
    world.store.observe(DETECTOR_CLASS, {"metadata": metadata, "spec": {}, "status": {"capacity": capacity}})


def test_room_of_the_classes_is_reported_when_it_changes() -> None:
    world = World()
    put_class(world, "gpu", 2, default=True)
    put_class(world, "cpu", None)
    rooms = (ReportedClass(name="cpu"), ReportedClass(name="gpu", is_default=True, room=2))
    assert world.round() == [ResourceStates(source=f"c/{NAMESPACE}", classes=rooms)]
    assert world.round() == []
    put_class(world, "gpu", 0, default=True)
    (sent,) = world.round()
    assert [known.room for known in sent.classes or ()] == [None, 0]
    world.is_away = True
    world.round()
    world.is_away = False
    assert [sent.classes is not None for sent in world.round()] == [True], "an older database may be back"


def test_requests_and_costs_of_a_class_are_reported_as_numbers() -> None:
    world = World()
    per_camera = {
        "cameras": 12,
        "cpu": {"p50": "210m", "p95": "1300m"},
        "memory": {"p50": "230Mi", "p95": "240Mi"},
        "inferenceShare": {"p50": "60m", "p95": "150m"},
    }
    requests = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "1"}
    verdict = {"type": "RequestsSufficient", "status": "False", "reason": "RequestsTooLow", "message": "m"}

    def put(capacity: dict[str, Any]) -> ReportedClass:
        world.version += 1
        metadata = {"name": "gpu", "uid": "gpu", "resourceVersion": str(world.version)}
        status = {"capacity": capacity, "conditions": [verdict]}
        world.store.observe(DETECTOR_CLASS, {"metadata": metadata, "spec": {}, "status": status})
        (sent,) = world.round()
        (found,) = sent.classes or ()
        return found

    assert put({"requests": requests, "perCamera": per_camera}).model_dump() == {
        "name": "gpu",
        "is_default": False,
        "room": None,
        "requests": {"cpu_cores": 0.5, "memory_bytes": 1024**3, "devices": {"nvidia.com/gpu": 1}},
        "cost": {
            "cameras": 12,
            "cpu_cores": {"p50": 0.21, "p95": 1.3},
            "memory_bytes": {"p50": 230 * 1024**2, "p95": 240 * 1024**2},
            "inference_share": {"p50": 0.06, "p95": 0.15},
        },
        "requests_sufficient": False,
    }
    unreadable = put({"requests": {"cpu": "much"}, "perCamera": {"cameras": "many"}, "room": 3})
    assert (unreadable.requests, unreadable.cost, unreadable.room) == (None, None, 3)


def test_refused_resource_is_reported_with_the_servers_words_once() -> None:
    world = World(refused={"cam-3": "exceeded quota: cameras"})
    (sent,) = world.round()
    (found,) = sent.states
    (ready,) = found.conditions
    assert (found.camera, found.phase, ready.reason) == (3, "Pending", "DetectorRefused")
    assert ready.message == "The cluster refuses to create the Camera resource. Its answer: exceeded quota: cameras"
    assert world.round() == []
    world.refused.clear()
    world.put(3)
    assert [[found.phase for found in sent.states] for sent in world.round()] == [["Streaming"]]
