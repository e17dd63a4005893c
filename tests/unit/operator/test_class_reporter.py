"""The status of a DetectorClass: what the API server says to a detector of it, and how many cameras use it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.operator.builders import GPU_CLASS, NAMESPACE, NOW, SETTINGS, camera, camera_spec
from tests.unit.operator.kube_server import Document, MemoryTransport

from vigil_contracts.shadow import ShadowReport
from vigil_operator.core.class_status import count_cameras
from vigil_operator.core.observed import Key, class_from_body
from vigil_operator.kube.class_reporter import CHECK_AGAIN_SECONDS, ClassReporter
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.kinds import CAMERA, DETECTOR_CLASS
from vigil_operator.kube.model_rollouts import ModelRollouts
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

CLASS_PATH = "/apis/vigil.dev/v1alpha1/detectorclasses/gpu"
TRIAL_PATH = "/apis/apps/v1/namespaces/vigil-cameras/deployments/class-check-detector"
REFUSED = "The cluster refuses to create or change the detector. The message contains its answer. made to fail"


class World:
    """One class and one camera in the store, as a watch reports them."""

    def __init__(self, **spec: Any) -> None:
        self.server = MemoryTransport()
        self.server.objects[CLASS_PATH] = {
            "metadata": {"name": "gpu", "uid": "uid-c", "resourceVersion": "5", "generation": 1},
            "spec": spec or GPU_CLASS,
        }
        self.store = Store()
        self.store.observe(DETECTOR_CLASS, self.server.objects[CLASS_PATH])
        body = {
            "metadata": {"name": "c", "namespace": NAMESPACE, "uid": "u", "resourceVersion": "6"},
            "spec": camera_spec(detectorClassName="gpu"),
        }
        self.store.observe(CAMERA, body)
        self.now, self.queue = 0.0, WorkQueue()
        self.reporter = ClassReporter(
            kube=KubeClient(self.server),
            store=self.store,
            queue=self.queue,
            metrics=Metrics(self.store.cameras.values),
            settings=SETTINGS,
            namespace=NAMESPACE,
            clock=lambda: NOW,
            monotonic=lambda: self.now,
        )

    def report(self) -> list[str]:
        """Report once; return the paths that were written to or tried."""
        before = len(self.server.writes)
        asyncio.run(self.reporter.report_once())
        return [path for _, path in self.server.writes[before:]]

    def status(self) -> Document:
        found: Document = self.server.objects[CLASS_PATH]["status"]
        return found

    def accepted(self) -> tuple[str, str, str]:
        condition, *stalled = self.status()["conditions"]
        assert [each["type"] for each in stalled] == ([] if condition["status"] == "True" else ["Stalled"])
        return condition["status"], condition["reason"], condition["message"]


def test_valid_class_is_accepted_and_checked_once() -> None:
    world = World()
    assert world.report() == [TRIAL_PATH, f"{CLASS_PATH}/status"]
    assert world.accepted() == ("True", "Accepted", "Detectors of this class can be created.")
    assert (world.status()["cameras"], world.status()["observedGeneration"]) == (1, 1)
    assert TRIAL_PATH not in world.server.objects
    assert world.report() == []
    assert len(world.queue) == 0, "our own status reconciles no camera"


def test_several_default_classes_are_reported_on_each() -> None:
    world = World()
    paths = {name: CLASS_PATH.replace("gpu", name) for name in ("gpu", "big")}
    for version, (name, path) in enumerate(paths.items(), start=20):
        annotations = {"detectorclass.vigil.dev/is-default-class": "true"}
        metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), "annotations": annotations}
        world.server.objects[path] = {"metadata": {**metadata, "generation": 1}, "spec": GPU_CLASS}
        world.store.observe(DETECTOR_CLASS, world.server.objects[path])

    def defaults() -> dict[str, tuple[str, str]]:
        world.report()
        found = {name: world.server.objects[path]["status"]["conditions"] for name, path in paths.items()}
        return {
            name: (each["status"], each["message"])
            for name, conditions in found.items()
            for each in conditions
            if each["type"] == "Default"
        }

    message = (
        "Several classes are annotated as the default: big, gpu. Cameras that name no class use big, the first by "
        "name. Remove the annotation detectorclass.vigil.dev/is-default-class from the others."
    )
    assert defaults() == {"big": ("True", message), "gpu": ("False", message)}
    found = world.server.objects[paths["big"]]
    world.store.forget(DETECTOR_CLASS, Key("", "big"), found["metadata"]["uid"])
    assert "Default" not in [each["type"] for each in _conditions_of_gpu(world)]


def _conditions_of_gpu(world: World) -> list[Document]:
    world.report()
    conditions: list[Document] = world.status()["conditions"]
    return conditions


def test_refused_class_has_the_servers_words_and_is_checked_again_later() -> None:
    world = World()
    world.server.fail = lambda method, path: 422 if path == TRIAL_PATH else None
    world.report()
    assert world.accepted() == ("False", "DetectorRefused", REFUSED)
    world.server.fail = lambda method, path: None
    assert world.report() == []
    world.now += CHECK_AGAIN_SECONDS
    world.report()
    assert world.accepted()[:2] == ("True", "Accepted")


@pytest.mark.parametrize("status", [404, 429, 500])
def test_failed_check_says_nothing_about_the_class(status: int) -> None:
    world = World()
    world.server.fail = lambda method, path: status if path == TRIAL_PATH else None
    assert world.report() == [TRIAL_PATH]
    world.server.fail = lambda method, path: None
    world.report()
    assert world.accepted()[0] == "True"


def test_invalid_class_names_the_field() -> None:
    world = World(runtime="openvino", resources={"requests": {"memory": "3Gi"}, "limits": {"memory": "1Gi"}})
    assert world.report() == [f"{CLASS_PATH}/status"]
    problem = "spec.resources: requests.memory must not be above limits.memory"
    assert world.accepted() == ("False", "InvalidSpec", problem)


def test_change_of_a_class_reconciles_its_cameras_and_is_checked() -> None:
    world = World()
    world.report()
    changed = {**world.server.objects[CLASS_PATH], "spec": {**GPU_CLASS, "model": "yolov8s"}}
    changed["metadata"] = {**changed["metadata"], "resourceVersion": "900", "generation": 2}
    assert world.store.observe(DETECTOR_CLASS, changed) == {Key(NAMESPACE, "c")}
    world.server.objects[CLASS_PATH] = changed
    assert world.report() == [TRIAL_PATH, f"{CLASS_PATH}/status"]


def test_cameras_are_counted_by_the_class_in_use_the_named_one_and_the_default() -> None:
    metadata = {"name": "gpu", "annotations": {"detectorclass.vigil.dev/is-default-class": "true"}}
    classes = {"gpu": class_from_body({"metadata": metadata, "spec": {}})}
    cameras = [
        camera("a", status={"detector": {"class": "cpu"}}, spec=camera_spec(detectorClassName="gpu")),
        camera("b", spec=camera_spec(detectorClassName="cpu")),
        camera("c"),
    ]
    assert count_cameras(cameras, classes).all == {"cpu": 2, "gpu": 1}


def test_cameras_of_another_operator_are_counted_too() -> None:
    """Both operators of a cluster then write the same status."""
    world = World()
    theirs = camera("b", status={"phase": "Asleep", "detector": {"class": "gpu"}})
    world.reporter = ClassReporter(
        kube=KubeClient(world.server),
        store=world.store,
        queue=world.queue,
        metrics=Metrics(world.store.cameras.values),
        settings=SETTINGS,
        namespace=NAMESPACE,
        watched_elsewhere=lambda: (theirs,),
        clock=lambda: NOW,
    )
    world.report()
    assert (world.status()["cameras"], world.status()["capacity"]["asleep"]) == (2, 1)


class OlderServer(MemoryTransport):
    """Its definition has no `rollout`; a server-side apply with an unknown field fails as a whole."""

    async def request(
        self, method: str, path: str, content_type: str, body: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        if "/detectorclasses/" in path and "rollout" in body["status"]:
            return 500, {}, b'{"message": ".status.rollout: field not declared in schema"}'
        return await super().request(method, path, content_type, body)


class NoReports:
    """No detector reports a comparison."""

    def shadow_reports(self, trial: str) -> list[tuple[int, ShadowReport]]:
        return []


def test_definitions_rolled_back_during_a_trial_stop_only_its_class(caplog: pytest.LogCaptureFixture) -> None:
    """The operator still knows a rollout that the API server does not store any more."""
    world, server = World(**GPU_CLASS, rollout={"model": "yolo11n"}), OlderServer()
    server.objects = world.server.objects
    other = CLASS_PATH.replace("gpu", "other")
    server.objects[other] = {
        "metadata": {"name": "other", "uid": "uid-o", "resourceVersion": "20", "generation": 1},
        "spec": GPU_CLASS,
    }
    world.store.observe(DETECTOR_CLASS, server.objects[other])
    world.reporter = ClassReporter(
        kube=KubeClient(server),
        store=world.store,
        queue=world.queue,
        metrics=Metrics(world.store.cameras.values),
        settings=SETTINGS,
        namespace=NAMESPACE,
        rollouts=ModelRollouts(world.store, NoReports(), clock=lambda: NOW),
        clock=lambda: NOW,
    )
    for _ in range(2):
        world.report()
    assert "status" not in server.objects[CLASS_PATH]
    assert server.objects[other]["status"]["conditions"][0]["reason"] == "Accepted"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1, warnings
    assert "DetectorClass 'gpu'" in warnings[0]
    assert ".status.rollout: field not declared in schema" in warnings[0]

    pruned = {"metadata": {**server.objects[CLASS_PATH]["metadata"], "resourceVersion": "900"}, "spec": GPU_CLASS}
    server.objects[CLASS_PATH] = pruned
    world.store.observe(DETECTOR_CLASS, pruned)
    world.report()
    assert world.accepted()[0] == "True"
