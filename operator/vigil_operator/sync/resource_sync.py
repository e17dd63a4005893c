"""Make the Camera resources of the namespace match the API's active cameras."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vigil_operator.core.compare import desired_hash
from vigil_operator.core.observed import Camera, Key, camera_from_body
from vigil_operator.core.sync_plan import Match, SyncPlan, is_same, plan_sync
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.logs import about_camera
from vigil_operator.metrics import Metrics
from vigil_operator.sync.directory import Directory

logger = logging.getLogger(__name__)

PARALLEL_WRITES = 8

REVERTED = (
    "The API owns this camera: an edit of the resource was put back. Change the camera in the dashboard or the API."
)


class ResourceSync:
    """Writes what differs, a few resources at a time. For one event loop."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        store: Store,
        directory: Directory,
        queue: WorkQueue,
        events: EventRecorder,
        metrics: Metrics,
        namespace: str,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._store = store
        self._directory = directory
        self._queue = queue
        self._events = events
        self._metrics = metrics
        self._namespace = namespace
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._has_cameras = False
        self._synced_changes: int | None = None
        """`Store.camera_changes` at the last complete run; None if the API's cameras have changed since."""
        self._matches: Mapping[int, Match] = {}
        self._written: dict[Key, str] = {}
        self._complaints: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        """The API server's answer about each Camera resource that it refuses to create, for example by a quota."""
        self.last_progress = monotonic()
        """When the last resource was written: writing ten thousand of them takes minutes."""

    def cameras_changed(self) -> None:
        """Make a run due: `directory` holds a new answer."""
        self._has_cameras = True
        self._synced_changes = None

    async def run_if_due(self) -> None:
        """Write what differs, if the resources or the API's cameras have changed since the last complete run.

        Before the first answer nothing is due: no active cameras are known then, which would delete every resource.
        """
        is_due = self._has_cameras and self._synced_changes != self._store.camera_changes
        if not is_due or await self._run():
            self._metrics.sync_last_success.set(self._wall_clock())

    async def _run(self) -> bool:
        """Return whether everything was written; what was not is due again."""
        began = time.perf_counter()
        changes = self._store.camera_changes
        cameras = [camera for camera in self._store.cameras.values() if camera.key.namespace == self._namespace]
        # In a thread: to compare ten thousand pairs takes seconds, in which the Lease must be renewed.
        plan = await asyncio.to_thread(
            plan_sync, self._directory.all(), cameras, self._namespace, self._directory.unreadable, self._matches
        )
        self._matches = plan.matches
        is_complete = await self._carry_out(plan)
        if is_complete:
            # Our own writes come back as changes and cause one more run, which finds nothing to do.
            self._synced_changes = changes
        self._metrics.sync_seconds.observe(time.perf_counter() - began)
        return is_complete

    async def _carry_out(self, plan: SyncPlan) -> bool:
        gate = asyncio.Semaphore(PARALLEL_WRITES)
        wanted = {manifest["metadata"]["name"] for manifest in plan.apply}
        self.refused = {name: answer for name, answer in self.refused.items() if name in wanted}
        results = await asyncio.gather(
            *(self._guarded(gate, self._remove(camera), camera.key.name) for camera in plan.remove),
            *(self._guarded(gate, self._apply(manifest), manifest["metadata"]["name"]) for manifest in plan.apply),
        )
        return all(results)

    async def _guarded(self, gate: asyncio.Semaphore, work: Awaitable[None], name: str) -> bool:
        """Await `work`; a failure affects only this camera, and is retried by the next run."""
        async with gate:
            with about_camera(name):
                try:
                    await work
                except KubeError as error:
                    self._metrics.reconcile_errors.labels(error.reason).inc()
                    if error.is_objection and Key(self._namespace, name) not in self._store.cameras:
                        self.refused[name] = error.answer or str(error)
                    if self._complaints.get(name) != str(error):
                        logger.warning("could not sync the Camera resource: %s; retrying", error)
                        self._complaints[name] = str(error)
                    return False
                self._complaints.pop(name, None)
                self.refused.pop(name, None)
                self.last_progress = self._monotonic()
        return True

    async def _apply(self, manifest: Mapping[str, Any]) -> None:
        key = Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        before = self._store.cameras.get(key)
        digest = desired_hash(manifest)
        body = await self._write(key, manifest)
        after = camera_from_body(body)
        for found in self._store.observe(CAMERA, body):
            self._queue.add(found)
        if before is None:
            logger.info("created the Camera resource: the camera is active in the API")
        elif self._written.get(key) == digest and before.meta.generation != after.meta.generation:
            await self._events.record_warning(before, "EditReverted", REVERTED)
            logger.warning("reverted an edit of the Camera resource: the API owns this camera")
        else:
            logger.info("updated the Camera resource: the camera has changed in the API")
        self._written[key] = digest

    async def _write(self, key: Key, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        body = await self._kube.apply(manifest)
        self._metrics.writes.labels(CAMERA.name).inc()
        if is_same(camera_from_body(body), manifest):
            return body
        # An apply keeps fields that another manager has added; only a replacement removes them.
        self._metrics.writes.labels(CAMERA.name).inc()
        return await self._kube.replace_spec(CAMERA, key, manifest["spec"])

    async def _remove(self, camera: Camera) -> None:
        await self._kube.delete(CAMERA, camera.key, camera.meta.uid)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._written.pop(camera.key, None)
        # The watch reports the deletion later; until then the reconciler could create the detector again.
        for key in self._store.forget(CAMERA, camera.key, camera.meta.uid):
            self._queue.add(key)
        logger.info("deleted the Camera resource: the camera is not active in the API")
