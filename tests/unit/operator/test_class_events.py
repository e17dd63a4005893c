"""Which changes of a class's status become Events, and how they are written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.operator.builders import GPU_CLASS, NAMESPACE, NOW, SETTINGS
from tests.unit.operator.kube_server import Document, MemoryTransport

from vigil_operator.core.class_events import class_events
from vigil_operator.core.rollout_state import RolloutPhase
from vigil_operator.kube.class_reporter import ClassReporter
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import DETECTOR_CLASS
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

CLASS_PATH = "/apis/vigil.dev/v1alpha1/detectorclasses/gpu"
EVENTS = "/api/v1/namespaces/default/events"


def condition(kind: str, status: str, reason: str, message: str = "m") -> Document:
    return {"type": kind, "status": status, "reason": reason, "message": message}


ACCEPTED = condition("Accepted", "True", "Accepted")
REFUSED = condition("Accepted", "False", "DetectorRefused", "the words of the server")
SUFFICIENT = condition("RequestsSufficient", "True", "Sufficient")
TOO_LOW = condition("RequestsSufficient", "False", "RequestsTooLow", "cpu: 300m needed")
DEFAULTS = condition("Default", "True", "SeveralDefaults")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [ACCEPTED], []),
        ([], [REFUSED], [("DetectorRefused", True)]),
        ([ACCEPTED], [REFUSED], [("DetectorRefused", True)]),
        ([REFUSED], [REFUSED], []),
        ([REFUSED], [REFUSED | {"message": "other words"}], [("DetectorRefused", True)]),
        ([REFUSED], [ACCEPTED], [("Accepted", False)]),
        ([ACCEPTED, SUFFICIENT], [ACCEPTED, TOO_LOW], [("RequestsTooLow", True)]),
        ([ACCEPTED, TOO_LOW], [ACCEPTED, TOO_LOW | {"message": "cpu: 310m needed"}], []),
        ([ACCEPTED, TOO_LOW], [ACCEPTED, SUFFICIENT], [("Sufficient", False)]),
        ([ACCEPTED, TOO_LOW], [ACCEPTED], []),
        ([ACCEPTED], [ACCEPTED, DEFAULTS], [("SeveralDefaults", True)]),
        ([ACCEPTED, DEFAULTS], [ACCEPTED, DEFAULTS], []),
    ],
)
def test_conditions_that_turn_false_and_back_are_events(
    before: list[Document], after: list[Document], expected: list[tuple[str, bool]]
) -> None:
    found = class_events({"conditions": before}, {"conditions": after})
    assert [(each.reason, each.is_warning) for each in found] == expected


def rollout(phase: str, reason: str, **changes: Any) -> Document:
    return {
        "rollout": {"trial": "t1", "model": "yolo11n", "phase": phase, "reason": reason, "message": "Why.", **changes}
    }


COMPARING = rollout("Shadowing", "Comparing")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, COMPARING, ("RolloutShadowing", False)),
        (COMPARING, COMPARING, None),
        (COMPARING, rollout("Held", "AwaitingApproval"), ("RolloutHeld", False)),
        (COMPARING, rollout("Held", "TooFewEvents"), ("RolloutHeld", True)),
        (rollout("Held", "TooFewEvents"), rollout("Held", "AwaitingApproval"), ("RolloutHeld", False)),
        (COMPARING, rollout("Promoting", "ThresholdsMet"), ("RolloutPromoting", False)),
        (rollout("Promoting", "ThresholdsMet"), rollout("Promoted", "ThresholdsMet"), ("RolloutPromoted", False)),
        (COMPARING, rollout("Aborted", "ThresholdsNotMet"), ("RolloutAborted", True)),
        (COMPARING, rollout("Aborted", "AbortedByHand"), ("RolloutAborted", False)),
        (COMPARING, COMPARING | rollout("Shadowing", "Comparing", trial="t2"), ("RolloutShadowing", False)),
        (COMPARING, {}, None),
    ],
)
def test_phases_of_a_rollout_are_events(before: Document, after: Document, expected: tuple[str, bool] | None) -> None:
    found = class_events(before, after)
    assert [(each.reason, each.is_warning) for each in found] == ([] if expected is None else [expected])


def test_each_phase_has_an_event_that_names_the_model_and_why() -> None:
    for phase in RolloutPhase:
        (event,) = class_events({}, rollout(phase.value, "SomeReason"))
        assert event.reason == f"Rollout{phase.value}"
        assert event.message == "Model yolo11n: SomeReason: Why."


class World:
    """A class on an API server in memory."""

    def __init__(self) -> None:
        self.server = MemoryTransport()
        body = {
            "metadata": {"name": "gpu", "uid": "uid-c", "resourceVersion": "5", "generation": 1},
            "spec": GPU_CLASS,
        }
        self.server.objects[CLASS_PATH] = body
        self.store = Store()
        self.store.observe(DETECTOR_CLASS, body)
        kube = KubeClient(self.server)
        self.now = 0.0
        self.reporter = ClassReporter(
            kube=kube,
            store=self.store,
            queue=WorkQueue(),
            metrics=Metrics(self.store.cameras.values),
            settings=SETTINGS,
            namespace=NAMESPACE,
            events=EventRecorder(kube, clock=lambda: NOW),
            clock=lambda: NOW,
            monotonic=lambda: self.now,
        )

    def report(self) -> list[Document]:
        """Report once, a minute later; return all events."""
        asyncio.run(self.reporter.report_once())
        self.now += 61.0
        return [body for path, body in self.server.objects.items() if path.startswith(EVENTS)]


def test_refused_class_has_one_event_in_the_namespace_of_cluster_scoped_objects() -> None:
    world = World()
    world.server.fail = lambda method, path: 422 if path.endswith("class-check-detector") else None
    for _ in range(2):
        (event,) = world.report()
    assert event["involvedObject"] == {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "DetectorClass",
        "name": "gpu",
        "uid": "uid-c",
        "resourceVersion": "5",
    }
    assert (event["type"], event["reason"]) == ("Warning", "DetectorRefused")
    assert event["metadata"]["namespace"] == "default"
    world.server.fail = lambda method, path: None
    assert [each["reason"] for each in world.report()] == ["DetectorRefused", "Accepted"]


def test_without_the_right_to_write_events_the_status_is_written() -> None:
    world = World()
    world.server.fail = lambda method, path: (
        422 if path.endswith("class-check-detector") else 403 if path.startswith(EVENTS) else None
    )
    assert world.report() == []
    assert world.server.objects[CLASS_PATH]["status"]["conditions"][0]["status"] == "False"
