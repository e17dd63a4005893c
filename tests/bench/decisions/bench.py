"""CPU time of the operator's own work when it restarts, without servers: what neither network nor load adds to.

It reads the objects of the cameras as the API server lists them, compares them with the API's list, and decides about
each camera. VIGIL_BENCH_CAMERAS sets how many cameras (1,000). Each figure is the best of several runs, since other
programs on the machine also slow down what does not wait for them.

    make bench BENCH=decisions
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from tests.bench.report import Measurement
from tests.unit.operator.builders import NAMESPACE, NOW, SETTINGS, configuration

from vigil_contracts.api_client import ActiveCameras
from vigil_operator.core.decision import Settle
from vigil_operator.core.desired.plan import Manifest
from vigil_operator.core.names import ANNOTATION_DEFAULT_CLASS, LABEL_CAMERA
from vigil_operator.core.observed import Camera
from vigil_operator.core.reconcile import decide
from vigil_operator.core.sync_plan import SyncPlan, build_camera, plan_sync
from vigil_operator.kube.kinds import CAMERA, DEPLOYMENT, DETECTOR_CLASS, NETWORK_POLICY, POD, SECRET, Kind
from vigil_operator.kube.listing import Listing
from vigil_operator.kube.observer import Observer
from vigil_operator.kube.store import Store
from vigil_operator.sync.directory import Directory

CAMERAS = int(os.environ.get("VIGIL_BENCH_CAMERAS", "1000"))
RUNS = 5
GOAL_SECONDS = 10.0
"""For ten thousand cameras: half of the time that a restart may take."""

LISTED = (CAMERA, DETECTOR_CLASS, SECRET, NETWORK_POLICY, DEPLOYMENT, POD)
CRD_DEFAULTS = {"deletionPolicy": "Retain", "recording": {}, "retention": {}}
DETECTION_DEFAULTS = {"recordAudio": False, "tamper": True, "source": "model", "onvifPort": 80}
RUNNING = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
POD_RUNNING = {
    "phase": "Running",
    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "detector", "ready": True, "restartCount": 0, "state": {"running": {}}}],
}

T = TypeVar("T")


class Cluster:
    """The objects of all cameras, as the API server has them once all detectors run."""

    def __init__(self) -> None:
        self.bodies: dict[Kind, list[Manifest]] = {kind: [] for kind in LISTED}
        self.directory = Directory()
        cameras = tuple(configuration(number, url=_url(number)) for number in range(1, CAMERAS + 1))
        self.directory.update(ActiveCameras(cameras, frozenset(), {}))
        self.store = Store(NAMESPACE)
        self.observer = Observer(store=self.store, knowledge=self.directory, settings=SETTINGS, clock=lambda: NOW)
        annotations = {ANNOTATION_DEFAULT_CLASS: "true"}
        self._keep(DETECTOR_CLASS, {"metadata": {"name": "cpu", "annotations": annotations}, "spec": {}})
        for found in cameras:
            manifest = build_camera(found, NAMESPACE, f"cam-{found.id}")
            manifest["spec"] |= CRD_DEFAULTS
            manifest["spec"]["detection"] = DETECTION_DEFAULTS | manifest["spec"]["detection"]
            self._keep(CAMERA, manifest)
        for camera in list(self.store.cameras.values()):
            self._start_detector(camera)

    def page(self, kind: Kind) -> bytes:
        """Return all objects of a kind as a listing."""
        listed = {"metadata": {"resourceVersion": str(10 * CAMERAS)}, "items": self.bodies[kind]}
        return json.dumps(listed).encode()

    def _start_detector(self, camera: Camera) -> None:
        situation = self.observer.situation(camera)
        decision = decide(replace(situation, api=replace(situation.api, issued_token=f"token-of-{camera.key.name}")))
        assert isinstance(decision, Settle)
        by_kind = {kind.name: kind for kind in LISTED}
        for manifest in decision.apply:
            status = {"status": RUNNING} if manifest["kind"] == "Deployment" else {}
            self._keep(by_kind[manifest["kind"]], manifest | status)
        labels = {LABEL_CAMERA: camera.key.name}
        pod = {"name": f"{camera.key.name}-detector-x", "namespace": NAMESPACE, "labels": labels}
        self._keep(POD, {"metadata": pod, "spec": {"nodeName": "node-1"}, "status": POD_RUNNING})
        decision = decide(self.observer.situation(camera))
        assert isinstance(decision, Settle)
        stored = next(body for body in self.bodies[CAMERA] if body["metadata"]["name"] == camera.key.name)
        stored["status"] = dict(decision.status or {})

    def _keep(self, kind: Kind, manifest: Manifest) -> None:
        version = str(1 + sum(map(len, self.bodies.values())))
        metadata = {"uid": f"uid-{version}", "resourceVersion": version, "generation": 1} | manifest["metadata"]
        body: dict[str, Any] = {**manifest, "metadata": metadata}
        self.bodies[kind].append(body)
        self.store.observe(kind, body)


def measure() -> list[Measurement]:
    """Measure the parts of a restart."""
    cluster = Cluster()
    pages = {kind: cluster.page(kind) for kind in LISTED}
    store, listing = _best(lambda: _listed(pages))
    observer = Observer(store=store, knowledge=cluster.directory, settings=SETTINGS, clock=lambda: NOW)
    plan, comparing = _best(lambda: _compared(cluster.directory, store))
    assert (plan.apply, plan.remove) == ((), ()), "a restart must find nothing to write"
    decisions, deciding = _best(lambda: [decide(observer.situation(camera)) for camera in store.cameras.values()])
    assert all(isinstance(one, Settle) and not one.apply and one.status is None for one in decisions)
    total = listing + comparing + deciding
    figures = {"read the listings": listing, "compare with the API": comparing, "decide": deciding, "total": total}
    return [
        Measurement.plain("cameras", CAMERAS, ""),
        *(Measurement.plain(f"{name}: CPU per camera", seconds * 1e6, "µs") for name, seconds in figures.items()),
        Measurement.at_most("ten thousand cameras: CPU", total * 10_000, "s", GOAL_SECONDS),
    ]


def _listed(pages: dict[Kind, bytes]) -> Store:
    store = Store(NAMESPACE)
    for kind, page in pages.items():
        store.replace(kind, Listing.read(page))
    return store


def _compared(directory: Directory, store: Store) -> SyncPlan:
    return plan_sync(directory.all(), store.cameras.values(), NAMESPACE)


def _best(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result and the least CPU time per camera in seconds."""
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        result = work()
        times.append(time.process_time() - began)
    return result, min(times) / CAMERAS


def _url(number: int) -> str:
    return f"rtsp://u:p@10.0.{number // 250 % 250}.{number % 250 + 1}/s"
