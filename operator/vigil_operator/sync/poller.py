"""API → Camera resources: asks for the active cameras every few seconds and makes the cluster say the same.

An unchanged answer costs the API a 304 and the operator nothing. While the API is away, what runs goes on running.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from vigil_contracts.api_client import ActiveCameras, ApiError, Fetched
from vigil_contracts.camera import CameraReport
from vigil_contracts.resources import RegisteredResource
from vigil_operator.core.compare import desired_hash
from vigil_operator.core.observed import Camera, Key, camera_from_body
from vigil_operator.core.sync_plan import Agreed, SyncPlan, is_same, plan_sync
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.logs import about_camera
from vigil_operator.metrics import Metrics
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.sweeper import Sweeper

logger = logging.getLogger(__name__)

PARALLEL_WRITES = 8
MAX_PAUSE_SECONDS = 15.0
"""However long the API has been away, it is asked again this often."""

AWAY_SAID_AFTER_SECONDS = 20.0
"""A restart of the API is nobody's business; a thousand status writes for it would be."""

ROWS = "/api/camera-resources/"
"""Under which complaints about the rows are remembered; no camera has such a name."""

REVERTED = (
    "The API owns this camera: an edit of the resource was put back. Change the camera in the dashboard or the API."
)


class CameraSource(Protocol):
    """The part of the API client that the sync needs."""

    async def active_cameras(self, etag: str = "") -> Fetched[ActiveCameras]:
        """See `AsyncApiClient`."""

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        """See `AsyncApiClient`."""

    async def unregister_resource(self, uid: str) -> None:
        """See `AsyncApiClient`."""

    async def active_camera_reports(self) -> dict[int, CameraReport]:
        """See `AsyncApiClient`."""


class Poller:
    """The sync from the API."""

    def __init__(
        self,
        *,
        api: CameraSource,
        kube: KubeClient,
        store: Store,
        directory: Directory,
        queue: WorkQueue,
        events: EventRecorder,
        metrics: Metrics,
        namespace: str,
        source: str,
        interval_seconds: float,
        health_interval_seconds: float,
        wall_clock: Callable[[], float] = time.time,
        fence: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._kube = kube
        self._store = store
        self._directory = directory
        self._queue = queue
        self._events = events
        self._metrics = metrics
        self._namespace = namespace
        self._interval_seconds = interval_seconds
        self._health_interval_seconds = health_interval_seconds
        self._sweeper = Sweeper(api=api, store=store, directory=directory, source=source, monotonic=monotonic)
        self._fence = fence
        self._health_asked = -health_interval_seconds
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._etag = ""
        self._answered = False
        self._settled_changes = -1
        self._failures = 0
        self._away_since = 0.0
        self._answer_seconds = 0.0
        self._agreed: Agreed = {}
        self._written: dict[Key, str] = {}
        self._complaints: dict[str, str] = {}
        self.last_round = monotonic()

    async def run(self) -> None:
        """Never returns."""
        while True:
            await self.round()
            self.last_round = self._monotonic()
            await asyncio.sleep(min(MAX_PAUSE_SECONDS, self._pause_seconds()))

    def _pause_seconds(self) -> float:
        """Longer the longer the API is away; and while its cameras keep changing, no answer of ten thousand of them
        takes more than a quarter of its time."""
        backoff: float = self._interval_seconds * 2 ** min(self._failures, 6)
        return max(backoff, 3 * self._answer_seconds)

    async def round(self) -> None:
        """Asks once, and writes what differs."""
        began = self._monotonic()
        try:
            fetched = await self._api.active_cameras(self._etag)
        except (ApiError, ValueError) as error:
            self._api_is_away(error)
            return
        finally:
            self._answer_seconds = self._monotonic() - began
        self._api_is_back()
        if fetched.value is not None:
            self._take_in(fetched.value)
            self._etag = fetched.etag
        if self._answered and self._settled_changes != self._store.camera_changes:
            await self._settle()
        else:
            self._metrics.sync_last_success.set(self._wall_clock())
        # Behind what somebody waits for: with thousands of cameras these answers take a while.
        await self._look_after_rows(is_due=fetched.value is not None)
        await self._ask_for_health()

    async def _look_after_rows(self, *, is_due: bool) -> None:
        try:
            uids = await self._sweeper.round(is_due=is_due, fence=self._fence)
        except (ApiError, ValueError) as error:
            text = str(error) if isinstance(error, ApiError) else type(error).__name__
            if self._complaints.get(ROWS) != text:
                logger.warning("the rows of kubectl's cameras were not told: %s; asked again until they are", text)
                self._complaints[ROWS] = text
            return
        self._complaints.pop(ROWS, None)
        if not uids:
            return
        for camera in self._store.cameras.values():
            if camera.meta.uid in uids:
                self._queue.add(camera.key)

    async def _ask_for_health(self) -> None:
        if self._monotonic() - self._health_asked < self._health_interval_seconds:
            return
        self._health_asked = self._monotonic()
        try:
            changed = self._directory.update_reports(await self._api.active_camera_reports())
        except (ApiError, ValueError) as error:
            logger.info("the cameras' health was not told: %s", type(error).__name__)
            return
        self._enqueue(changed)

    def _enqueue(self, camera_ids: set[int]) -> None:
        if not camera_ids:
            return
        for camera in self._store.cameras.values():
            if camera.camera_id in camera_ids:
                self._queue.add(camera.key)

    def _take_in(self, answer: ActiveCameras) -> None:
        for camera_id in sorted(answer.unreadable - self._directory.unreadable):
            with about_camera(f"cam-{camera_id}"):
                logger.error("the API's configuration of it is not what this version understands")
        changed = self._directory.update(answer)
        self._answered = True
        self._settled_changes = -1
        self._enqueue(changed)

    async def _settle(self) -> None:
        began = time.perf_counter()
        changes = self._store.camera_changes
        cameras = [camera for camera in self._store.cameras.values() if camera.key.namespace == self._namespace]
        plan = plan_sync(self._directory.all(), cameras, self._namespace, self._directory.unreadable, self._agreed)
        if await self._carry_out(plan):
            # Our own writes come back as changes and cause one more round, which finds nothing to do.
            self._settled_changes = changes
            self._metrics.sync_last_success.set(self._wall_clock())
        self._metrics.sync_seconds.observe(time.perf_counter() - began)

    async def _carry_out(self, plan: SyncPlan) -> bool:
        gate = asyncio.Semaphore(PARALLEL_WRITES)
        results = await asyncio.gather(
            *(self._guarded(gate, self._remove(camera), camera.key.name) for camera in plan.remove),
            *(self._guarded(gate, self._apply(manifest), manifest["metadata"]["name"]) for manifest in plan.apply),
        )
        return all(results)

    async def _guarded(self, gate: asyncio.Semaphore, work: Awaitable[None], name: str) -> bool:
        """One camera's failure is that camera's alone; it is tried again in the next round."""
        async with gate:
            with about_camera(name):
                try:
                    await work
                except KubeError as error:
                    self._metrics.reconcile_errors.labels(error.reason).inc()
                    if self._complaints.get(name) != str(error):
                        logger.warning("sync: %s; tried again until it works", error)
                        self._complaints[name] = str(error)
                    return False
                self._complaints.pop(name, None)
                # A round that makes ten thousand resources takes its time, and is alive all the while.
                self.last_round = self._monotonic()
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
            logger.info("created, as the API says")
        elif self._written.get(key) == digest and before.meta.generation != after.meta.generation:
            await self._events.warn(before, "EditReverted", REVERTED)
            logger.warning("an edit was put back")
        else:
            logger.info("changed, as the API says")
        self._written[key] = digest

    async def _write(self, key: Key, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        body = await self._kube.apply(manifest)
        self._metrics.writes.labels(CAMERA.name).inc()
        if is_same(camera_from_body(body), manifest):
            return body
        # Fields that another manager has added outlive an apply.
        self._metrics.writes.labels(CAMERA.name).inc()
        return await self._kube.replace_spec(CAMERA, key, manifest["spec"])

    async def _remove(self, camera: Camera) -> None:
        await self._kube.delete(CAMERA, camera.key, camera.meta.uid)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._written.pop(camera.key, None)
        # Known here before any watch tells it: otherwise the detector might be made anew for a camera that is gone.
        for key in self._store.forget(CAMERA, camera.key, camera.meta.uid):
            self._queue.add(key)
        logger.info("removed, since it is not active in the API")

    def _api_is_away(self, error: Exception) -> None:
        # The error's text names method, path and status; a ValueError (an answer that cannot be read) may quote it.
        text = str(error) if isinstance(error, ApiError) else "The API's answer is not what this version understands."
        self._failures += 1
        self._directory.is_away = True
        if self._failures == 1:
            self._away_since = self._monotonic()
            logger.warning("the API is away: %s", text)
        if self._monotonic() - self._away_since >= AWAY_SAID_AFTER_SECONDS and not self._directory.problem:
            self._directory.problem = text
            self._enqueue_all()

    def _api_is_back(self) -> None:
        if self._failures:
            logger.info("the API answers again")
        self._failures = 0
        self._directory.is_away = False
        if self._directory.problem:
            self._directory.problem = ""
            self._enqueue_all()

    def _enqueue_all(self) -> None:
        for key in self._store.all_cameras():
            self._queue.add(key)
