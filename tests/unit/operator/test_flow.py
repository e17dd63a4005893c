"""Poller, store, queue and reconciler together in one process, with an in-memory API server."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr
from tests.unit.operator.builders import GPU_CLASS, NAMESPACE, NOW, PASSWORD, SETTINGS, camera_spec, configuration
from tests.unit.operator.kube_server import MemoryTransport

from vigil_contracts.api_client import ActiveCameras, ApiError, Fetched
from vigil_contracts.camera import AlertTotals, CameraConfiguration, CameraReport
from vigil_contracts.health import HealthReport
from vigil_contracts.names import CameraPhase, DeletionPolicy, Reason
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_operator.core.observed import Key
from vigil_operator.core.refusals import REPORTED_AFTER_SECONDS as REFUSED_AFTER_SECONDS
from vigil_operator.core.refusals import Refusals
from vigil_operator.core.rollout import RolloutGate
from vigil_operator.kube import reconciler
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import CAMERA, DEPLOYMENT, SECRET
from vigil_operator.kube.observer import Observer
from vigil_operator.kube.policy_rollouts import PolicyRollouts
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.reconciler import Reconciler
from vigil_operator.kube.registrar import Registrar
from vigil_operator.kube.resync import Resync
from vigil_operator.kube.store import Store
from vigil_operator.kube.writer import Writer
from vigil_operator.metrics import Metrics
from vigil_operator.sync.availability import REPORTED_AFTER_SECONDS, ApiAvailability
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.health_poller import HealthPoller
from vigil_operator.sync.poller import WHOLE_LIST_SECONDS, Poller
from vigil_operator.sync.releaser import Releaser
from vigil_operator.sync.resource_sync import ResourceSync
from vigil_operator.sync.sweeper import Sweeper
from vigil_operator.sync.trigger import ReconcileTrigger

CAMERA_PATH = CAMERA.path(NAMESPACE, "cam-7")
DEPLOYMENT_PATH = DEPLOYMENT.path(NAMESPACE, "cam-7-detector")
CLASS_PATH = "/apis/vigil.dev/v1alpha1/detectorclasses/gpu"


@dataclass
class Api:
    cameras: list[CameraConfiguration] = field(default_factory=list)
    health: dict[int, HealthReport] = field(default_factory=dict)
    alerts: dict[int, AlertTotals] = field(default_factory=dict)
    unreadable: frozenset[int] = frozenset()
    away: bool = False
    tokens: int = 0
    rows: dict[str, tuple[int, ResourceRegistration]] = field(default_factory=dict)
    refusal: str = ""
    registrations: int = 0
    unregistered: list[DeletionPolicy | None] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    etags: list[str] = field(default_factory=list)

    async def active_cameras(self, etag: str = "") -> Fetched[ActiveCameras]:
        self.etags.append(etag)
        if self.away:
            raise ApiError("GET /api/active-cameras/: ConnectError")
        return Fetched(ActiveCameras(tuple(self.cameras), self.unreadable), "etag")

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        return [RegisteredResource(uid=uid, id=row[0], digest=row[1].digest) for uid, row in self.rows.items()]

    async def register_resource(self, uid: str, registration: ResourceRegistration) -> RegisteredResource:
        if self.away:
            raise ApiError("PUT /api/camera-resources/u/: ConnectError")
        if self.refusal:
            raise ApiError(
                f"PUT /api/camera-resources/u/: 400 Bad Request: {self.refusal}",
                status=400,
                field_errors={name: " ".join(texts) for name, texts in json.loads(self.refusal).items()},
            )
        self.registrations += 1
        number = self.rows[uid][0] if uid in self.rows else 100 + self.registrations
        self.rows[uid] = (number, registration)
        return RegisteredResource(uid=uid, id=number, digest=registration.digest)

    async def unregister_resource(self, uid: str, policy: DeletionPolicy | None = None) -> None:
        if self.away:
            raise ApiError("DELETE /api/camera-resources/u/: ConnectError")
        if self.rows.pop(uid, None) is not None:
            self.unregistered.append(policy)

    async def release_cameras(self, released: Collection[int]) -> tuple[int, ...]:
        self.held -= set(released)
        return tuple(self.held - {camera.id for camera in self.cameras})

    async def active_cameras_page(self, following: str = "") -> bytes:
        reports = {
            camera_id: CameraReport(health=report, alerts=self.alerts.get(camera_id, AlertTotals()))
            for camera_id, report in self.health.items()
        }
        rows = [{"id": camera_id, **report.model_dump(mode="json")} for camera_id, report in reports.items()]
        return json.dumps({"results": rows, "next": None}).encode()

    async def issue_detector_token(self, camera_id: int) -> str:
        if self.away:
            raise ApiError("POST /api/cameras/7/detector-token/: ConnectError")
        self.tokens += 1
        return f"token-{self.tokens}"


class World:
    """Everything but kopf's watches, in whose place `settle` lists."""

    def __init__(self) -> None:
        self.server = MemoryTransport()
        self.server.objects[CLASS_PATH] = {
            "metadata": {
                "name": "gpu",
                "uid": "c",
                "resourceVersion": "1",
                "annotations": {"detectorclass.vigil.dev/is-default-class": "true"},
            },
            "spec": GPU_CLASS,
        }
        self.api = Api([configuration(7)])
        self.now = 0.0
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered."""
        kube = KubeClient(self.server)
        self.store, self.queue, self.directory = Store(), WorkQueue(), Directory()
        events, metrics = EventRecorder(kube, clock=lambda: NOW), Metrics()
        self.resync = Resync(
            kube=kube, store=self.store, queue=self.queue, namespaces=[NAMESPACE], interval_seconds=60
        )
        trigger, now = ReconcileTrigger(self.store, self.queue), lambda: self.now
        self.poller = Poller(
            api=self.api,
            directory=self.directory,
            trigger=trigger,
            availability=ApiAvailability(directory=self.directory, trigger=trigger, monotonic=now),
            resources=ResourceSync(
                kube=kube,
                store=self.store,
                directory=self.directory,
                queue=self.queue,
                events=events,
                metrics=metrics,
                namespace=NAMESPACE,
                monotonic=now,
            ),
            releaser=Releaser(
                api=self.api, store=self.store, directory=self.directory, namespace=NAMESPACE, monotonic=now
            ),
            sweeper=Sweeper(
                api=self.api,
                store=self.store,
                directory=self.directory,
                trigger=trigger,
                namespaces=[NAMESPACE],
                source_of=lambda _: "s",
                monotonic=now,
            ),
            interval_seconds=1,
            monotonic=now,
        )
        self.health = HealthPoller(
            api=self.api, directory=self.directory, trigger=trigger, interval_seconds=0, monotonic=now
        )
        self.policies = PolicyRollouts(
            kube=kube,
            store=self.store,
            queue=self.queue,
            events=events,
            metrics=metrics,
            clock=lambda: NOW + timedelta(seconds=self.now),
            monotonic=now,
        )
        self.reconciler = Reconciler(
            store=self.store,
            queue=self.queue,
            observer=Observer(
                store=self.store,
                knowledge=self.directory,
                settings=SETTINGS,
                policies=self.policies,
                clock=lambda: NOW + timedelta(seconds=self.now),
            ),
            writer=Writer(kube=kube, store=self.store, events=events, metrics=metrics),
            tokens=self.api,
            metrics=metrics,
            gate=RolloutGate(2),
            refusals=Refusals(lambda: self.now),
            registrar=Registrar(
                kube=kube,
                store=self.store,
                queue=self.queue,
                api=self.api,
                rows=self.directory,
                metrics=metrics,
                monotonic=lambda: self.now,
            ),
        )

    def settle(self, rounds: int = 3) -> None:
        """Lists, asks the API and works the queue off, some times over."""

        async def main() -> None:
            for _ in range(rounds):
                await self.resync.first()
                await self.poller.poll_once()
                await self.health.poll_once()
                await self.policies.round()
                while len(self.queue):
                    key = await self.queue.get()
                    with suppress(ApiError):  # tried again in the next round
                        await self.reconciler.reconcile(key)
                    self.queue.done(key)

        asyncio.run(asyncio.wait_for(main(), timeout=10))

    def attempt(self) -> None:
        """Reconcile the camera once as a worker does, which handles failures."""

        async def main() -> None:
            await self.resync.first()
            await self.reconciler.attempt(Key(NAMESPACE, "cam-7"))

        asyncio.run(asyncio.wait_for(main(), timeout=10))

    def condition(self, kind: str) -> dict[str, str]:
        conditions = self.server.objects[CAMERA_PATH]["status"]["conditions"]
        return next(item for item in conditions if item["type"] == kind)

    def events(self, reason: str) -> list[dict[str, str]]:
        found = [item for path, item in self.server.objects.items() if "/events/" in path]
        return [event for event in found if event["reason"] == reason]

    def quiet(self) -> list[tuple[str, str]]:
        """What is written by one more round when nothing has changed: nothing."""
        before = len(self.server.writes)
        self.settle(2)
        return self.server.writes[before:]

    def ready_reason(self) -> str:
        conditions = self.server.objects[CAMERA_PATH]["status"]["conditions"]
        return str(next(item["reason"] for item in conditions if item["type"] == "Ready"))


@pytest.fixture
def world() -> World:
    made = World()
    made.settle()
    return made


def test_api_camera_gets_resource_secret_and_deployment(world: World) -> None:
    assert {CAMERA_PATH, DEPLOYMENT_PATH} <= set(world.server.objects)
    assert world.server.objects[CAMERA_PATH]["status"]["phase"] == "Pending"
    assert world.api.tokens == 1
    assert world.quiet() == []


def test_starting_is_not_reported_with_a_long_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "BUSY_QUEUE_LENGTH", -1)
    world = World()
    world.settle()
    assert DEPLOYMENT_PATH in world.server.objects
    assert "status" not in world.server.objects[CAMERA_PATH]
    monkeypatch.undo()
    world.settle()
    assert world.server.objects[CAMERA_PATH]["status"]["phase"] == "Pending"


def test_restarted_operator_writes_nothing_and_requests_no_token(world: World) -> None:
    world.restart()
    assert world.quiet() == []
    assert world.api.tokens == 1


def test_deactivated_camera_has_no_objects(world: World) -> None:
    world.api.cameras = []
    world.settle()
    assert [path for path in world.server.objects if "cam-7" in path] == []
    assert world.quiet() == []


def test_objects_deleted_during_downtime_are_recreated_with_the_same_token(world: World) -> None:
    del world.server.objects[DEPLOYMENT_PATH]
    world.settle()
    assert DEPLOYMENT_PATH in world.server.objects
    assert world.api.tokens == 1


def test_edit_of_an_owned_spec_is_reverted_and_reported(world: World) -> None:
    edited = world.server.objects[CAMERA_PATH]
    edited["spec"] = camera_spec(active=False)
    edited["metadata"] = {**edited["metadata"], "resourceVersion": "900", "generation": 5}
    world.server._version = 1000
    world.settle()
    assert world.server.objects[CAMERA_PATH]["spec"]["active"] is True
    events = [item for path, item in world.server.objects.items() if "/events/" in path]
    assert [event["reason"] for event in events].count("EditReverted") == 1


def test_changed_password_updates_the_secret_and_restarts_the_pod(world: World) -> None:
    before = world.server.objects[DEPLOYMENT_PATH]["spec"]["template"]
    world.api.cameras = [configuration(7, rtsp_url=SecretStr("rtsp://admin:rotated@10.0.0.7/s"), revision="r2")]
    world.settle()
    after = world.server.objects[DEPLOYMENT_PATH]["spec"]["template"]
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert before["spec"] == after["spec"]
    assert world.api.tokens == 1


def test_api_outage_is_reported_after_a_while(world: World) -> None:
    world.api.away = True
    world.settle(1)
    assert world.ready_reason() == "Starting"
    world.now += REPORTED_AFTER_SECONDS
    world.settle()
    conditions = world.server.objects[CAMERA_PATH]["status"]["conditions"]
    assert next(item["reason"] for item in conditions if item["type"] == "Synced") == "BackendUnreachable"
    assert DEPLOYMENT_PATH in world.server.objects
    assert world.quiet() == []
    world.api.away = False
    world.settle()
    conditions = world.server.objects[CAMERA_PATH]["status"]["conditions"]
    assert next(item["reason"] for item in conditions if item["type"] == "Synced") == "Synced"


def test_camera_of_a_newer_version_keeps_running(world: World) -> None:
    world.settle()
    world.api.cameras, world.api.unreadable = [], frozenset({7})
    assert world.quiet() == []
    world.restart()
    assert world.quiet() == []
    assert DEPLOYMENT_PATH in world.server.objects


@pytest.mark.parametrize("edit", ["spec", "deletion"])
def test_edit_at_the_moment_of_a_status_write_is_not_missed(edit: str) -> None:
    """The answer to the write contains the edit, and is newer than what the watch reports of it."""
    world = World()
    key = Key(NAMESPACE, "cam-7")
    written: list[str] = []

    def edit_once(method: str, path: str) -> None:
        if path != f"{CAMERA_PATH}/status" or written:
            return
        written.append(path)
        found = world.server.objects[CAMERA_PATH]
        if edit == "spec":
            found["spec"] = found["spec"] | {"displayName": "Edited"}
            found["metadata"]["generation"] += 1
        else:
            found["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"

    world.server.fail = edit_once

    async def main() -> bool:
        await world.resync.first()
        await world.poller.poll_once()
        assert await world.queue.get() == key
        await world.reconciler.reconcile(key)
        world.queue.done(key)
        return len(world.queue) == 1

    assert asyncio.run(asyncio.wait_for(main(), timeout=10)), "it is reconciled again, without a resync"


def test_own_status_write_queues_nothing(world: World) -> None:
    assert len(world.queue) == 0


def test_failed_write_is_retried(world: World) -> None:
    world.api.cameras = [configuration(7), configuration(8)]
    world.server.fail = lambda method, path: 500 if method == "PATCH" and path.endswith("cam-8") else None
    world.settle(1)
    assert CAMERA.path(NAMESPACE, "cam-8") not in world.server.objects
    world.server.fail = lambda method, path: None
    world.settle()
    assert CAMERA.path(NAMESPACE, "cam-8") in world.server.objects


REFUSAL = 'Deployment.apps "cam-7-detector" is invalid: must be less than or equal to memory limit of 256Mi'


def test_refused_write_is_reported_once_it_has_lasted(world: World) -> None:
    """A camera whose Deployment is refused says so, in the API server's words and in an event."""
    del world.server.objects[DEPLOYMENT_PATH]
    world.server.failure = REFUSAL
    world.server.fail = lambda method, path: 422 if path == DEPLOYMENT_PATH else None
    world.attempt()
    world.now += REFUSED_AFTER_SECONDS - 1
    world.attempt()
    assert world.condition("Ready")["reason"] == "Starting", "a passing refusal is retried only"
    world.now += 1
    world.attempt()
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "DetectorRefused")
    assert ready["message"].endswith(REFUSAL)
    assert {world.condition(kind)["status"] for kind in ("Scheduled", "Streaming")} == {"False"}
    assert world.server.objects[CAMERA_PATH]["status"]["phase"] == "Failed"
    assert [event["message"] for event in world.events("DetectorRefused")] == [ready["message"]]

    # A new process does not withdraw it for half a minute, and records no second event.
    world.restart()
    asyncio.run(world.poller.poll_once())
    before = len(world.server.writes)
    world.attempt()
    assert world.condition("Ready")["reason"] == "DetectorRefused"
    assert [path for _, path in world.server.writes[before:]] == [DEPLOYMENT_PATH]

    world.server.fail = lambda method, path: None
    world.attempt()
    assert world.condition("Ready")["reason"] == "Starting"
    assert DEPLOYMENT_PATH in world.server.objects


def test_running_detector_whose_change_is_refused_says_so(world: World) -> None:
    """A class in use that becomes invalid: the detector streams on, and the camera is not Ready."""
    deployment = world.server.objects[DEPLOYMENT_PATH]
    deployment["metadata"]["resourceVersion"] = "500"
    deployment["status"] = {"observedGeneration": 9, "updatedReplicas": 1, "replicas": 1, "readyReplicas": 1}
    world.server.objects["/api/v1/namespaces/vigil-cameras/pods/p"] = running_pod()
    world.settle()
    assert world.condition("Streaming")["status"] == "True"
    world.server.objects[CLASS_PATH]["spec"] = {**GPU_CLASS, "priorityClassName": "other"}
    world.server.objects[CLASS_PATH]["metadata"]["resourceVersion"] = "501"
    world.server.fail = lambda method, path: 422 if path == DEPLOYMENT_PATH else None
    world.attempt()
    world.now += REFUSED_AFTER_SECONDS
    world.attempt()
    assert world.condition("Ready")["reason"] == "DetectorRefused"
    assert world.condition("Streaming")["status"] == "True"
    assert world.server.objects[CAMERA_PATH]["status"]["phase"] == "Degraded"
    assert not world.reconciler._gate.is_rolling(Key(NAMESPACE, "cam-7")), "it would keep others from their turn"


def running_pod() -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
    metadata = {"name": "p", "namespace": NAMESPACE, "uid": "p", "resourceVersion": "40"}
    return {
        "metadata": metadata | {"labels": {"vigil.dev/camera": "cam-7"}},
        "spec": {"nodeName": "n"},
        "status": {"phase": "Running", "conditions": conditions},
    }


@pytest.mark.parametrize(("status", "is_reported"), [(403, True), (500, True), (429, False)])
def test_which_answers_are_refusals(world: World, status: int, is_reported: bool) -> None:
    del world.server.objects[DEPLOYMENT_PATH]
    world.server.fail = lambda method, path: status if path == DEPLOYMENT_PATH else None
    world.attempt()
    world.now += REFUSED_AFTER_SECONDS
    world.attempt()
    assert (world.condition("Ready")["reason"] == "DetectorRefused") is is_reported


def test_refusal_that_quotes_the_secret_is_masked(world: World, caplog: pytest.LogCaptureFixture) -> None:
    secret_path = SECRET.path(NAMESPACE, "cam-7-detector")
    encoded = world.server.objects[secret_path]["data"]["password"]
    world.api.cameras = [configuration(7, rtsp_url=SecretStr("rtsp://admin:rotated-one@10.0.0.7/s"), revision="r2")]
    asyncio.run(world.poller.poll_once())
    now = b64encode(b"rotated-one").decode()
    world.server.failure = f"the object holds rotated-one ({now}) instead of {encoded}"
    world.server.fail = lambda method, path: 422 if path == secret_path else None
    world.attempt()
    world.now += REFUSED_AFTER_SECONDS
    world.attempt()
    assert "the object holds *** (***)" in world.condition("Ready")["message"]
    assert "rotated-one" not in caplog.text + json.dumps(world.server.objects)


def test_deleted_camera_is_cleaned_up_without_garbage_collector(world: World) -> None:
    world.server.objects[CAMERA.path(NAMESPACE, "gone")] = {
        "metadata": {"name": "gone", "namespace": NAMESPACE, "uid": "g", "resourceVersion": "50"},
        "spec": camera_spec(),
    }
    world.settle()
    assert DEPLOYMENT.path(NAMESPACE, "gone-detector") in world.server.objects
    del world.server.objects[CAMERA.path(NAMESPACE, "gone")]
    world.settle()
    assert [path for path in world.server.objects if "gone" in path and "/events/" not in path] == []


def test_server_responses_and_events_contain_no_password(world: World) -> None:
    outside = {path: item for path, item in world.server.objects.items() if "/secrets/" not in path}
    assert PASSWORD not in json.dumps(outside)


def test_alert_totals_stay_in_the_status_of_an_inactive_camera(world: World) -> None:
    world.api.health = {7: HealthReport(phase=CameraPhase.STREAMING, reason=Reason.STREAMING, reported_at=NOW)}
    world.api.alerts = {7: AlertTotals(total=3, last_alert_time=NOW - timedelta(hours=1))}
    world.settle()
    said = world.server.objects[CAMERA_PATH]["status"]["alerts"]
    assert said == {"total": 3, "lastAlertTime": "2026-03-01T11:00:00Z"}
    assert world.quiet() == []
    world.api.health = {}
    world.settle()
    assert world.server.objects[CAMERA_PATH]["status"]["alerts"] == said


def test_detectors_message_reaches_the_status(world: World) -> None:
    world.server.objects["/api/v1/namespaces/vigil-cameras/pods/p"] = {
        "metadata": {
            "name": "p",
            "namespace": NAMESPACE,
            "uid": "p",
            "resourceVersion": "40",
            "labels": {"vigil.dev/camera": "cam-7"},
        },
        "spec": {"nodeName": "n"},
        "status": {"conditions": [{"type": "PodScheduled", "status": "True"}]},
    }
    world.api.health = {
        7: HealthReport(phase=CameraPhase.FAILED, reason=Reason.STREAM_UNAUTHORIZED, message="x", reported_at=NOW)
    }
    world.settle()
    assert world.ready_reason() == "StreamUnauthorized"
    assert world.server.objects[CAMERA_PATH]["status"]["phase"] == "Failed"
    assert Key(NAMESPACE, "cam-7") in world.store.cameras
    assert world.quiet() == []


def test_unexpected_error_for_one_camera_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reconcile, seen = world.reconciler.reconcile, []

    async def fails_for_one(key: Key) -> None:
        if key.name == "cam-odd":
            raise ValueError("an odd camera")
        await reconcile(key)
        seen.append(key.name)

    monkeypatch.setattr(world.reconciler, "reconcile", fails_for_one)

    async def main() -> None:
        world.queue.add(Key(NAMESPACE, "cam-odd"))
        world.queue.add(Key(NAMESPACE, "cam-7"))
        run = asyncio.create_task(world.reconciler.run(workers=1))
        while not seen:
            assert not run.done()
            await asyncio.sleep(0.01)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), timeout=10))

    assert seen == ["cam-7"]
    assert "unexpected error" in caplog.text
    assert "ValueError: an odd camera" in caplog.text


def test_idle_cameras_do_not_block_others() -> None:
    world = World()
    world.api.cameras = [configuration(number) for number in range(1, 51)]
    world.settle()
    world.restart()
    turns: list[int] = []

    async def main() -> None:
        await world.resync.first()
        await world.poller.poll_once()
        work = asyncio.create_task(world.reconciler.run(workers=4))
        while len(world.queue):
            await asyncio.sleep(0)  # as the one who renews the Lease waits for its turn
            turns.append(len(world.queue))
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), timeout=30))
    most = max(before - after for before, after in pairwise([50, *turns]))
    assert most <= 4, f"{most} cameras in a row"


def test_camera_is_released_when_rights_in_its_namespace_have_ended() -> None:
    """While a namespace is deleted, its Roles may go before its cameras."""
    world = World()
    world.api.cameras = []
    path = CAMERA.path(NAMESPACE, "gone")
    metadata = {"name": "gone", "namespace": NAMESPACE, "uid": "g", "resourceVersion": "50"}
    world.server.objects[path] = {"metadata": metadata, "spec": camera_spec()}
    world.settle()
    assert (len(world.api.rows), world.server.objects[path]["metadata"]["finalizers"]) == (1, ["vigil.dev/api-row"])
    world.server.objects[path]["metadata"] |= {"deletionTimestamp": "now", "resourceVersion": "900"}
    world.server.fail = lambda method, path: 403 if "/cameras" not in path.removeprefix("/apis/vigil.dev") else None

    async def main() -> None:
        assert not await world.resync.attempt(look_at_all=False)
        assert len(world.queue) == 1, "what was listed before the failure is reconciled"
        await world.reconciler.attempt(await world.queue.get())

    asyncio.run(asyncio.wait_for(main(), timeout=10))
    assert path not in world.server.objects
    assert (world.api.rows, world.api.unregistered) == ({}, [DeletionPolicy.RETAIN])


def test_missing_crds_are_reported_with_the_install_command(caplog: pytest.LogCaptureFixture) -> None:
    server = MemoryTransport()
    server.fail = lambda method, path: 404
    resync = Resync(
        kube=KubeClient(server), store=Store(), queue=WorkQueue(), namespaces=[NAMESPACE], interval_seconds=60
    )
    assert not asyncio.run(resync.attempt(look_at_all=True))
    assert "kubectl apply -f manifests/crds/" in caplog.text


def test_whole_list_is_fetched_now_and_then(world: World) -> None:
    def ask(seconds: float) -> str:
        world.now += seconds
        asyncio.run(world.poller.poll_once())
        return world.api.etags[-1]

    asked = [ask(WHOLE_LIST_SECONDS - 1), ask(1), ask(1)]
    world.api.away = True
    asked.append(ask(WHOLE_LIST_SECONDS))
    world.api.away = False
    asked += [ask(1), ask(1)]
    assert asked == ["etag", "", "etag", "", "", "etag"], "a failure does not count"
