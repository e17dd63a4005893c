"""Take cameras from the queue, let `core.reconcile` decide, and carry the decisions out."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.names import ConditionStatus, Reason
from vigil_contracts.resources import ResourceRegistration
from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.decision import Claim, Register, Removal, RequestToken, Settle
from vigil_operator.core.desired.plan import ManifestSettings
from vigil_operator.core.names import FINALIZER
from vigil_operator.core.observed import Camera, Key
from vigil_operator.core.reconcile import decide
from vigil_operator.core.registration import RegistrationSettings
from vigil_operator.core.rollout import NOT_THE_CLASS, RolloutGate
from vigil_operator.core.situation import ApiView, Situation
from vigil_operator.core.status import Verdict, ready_of
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import BY_NAME, CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.registrar import Registrar, refusal_text
from vigil_operator.kube.store import Store
from vigil_operator.logs import about_camera
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

BUSY_QUEUE_LENGTH = 64
"""Above this queue length, `Starting` is not written until it has lasted `STARTING_GRACE_SECONDS`.

Most detectors run before that, which saves one status write for each of them.
"""

STARTING_GRACE_SECONDS = 5.0

LOOK_AGAIN_MARGIN_SECONDS = 1.0
"""Times in a status are whole seconds; without a margin the camera would be reconciled once too early."""


class TokenIssuer(Protocol):
    """Issues the tokens of detectors."""

    async def issue_detector_token(self, camera_id: int) -> str:
        """See `DetectorTokens`."""


class ApiKnowledge(Protocol):
    """Knows the API's last answers; see `Directory`."""

    def view(self, camera: Camera) -> ApiView:
        """Return what the API knows about one camera."""


class Reconciler:
    """Reconciles several cameras at once, but never one camera twice at the same time."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        store: Store,
        queue: WorkQueue,
        tokens: TokenIssuer,
        knowledge: ApiKnowledge,
        events: EventRecorder,
        registrar: Registrar,
        metrics: Metrics,
        settings: ManifestSettings,
        gate: RolloutGate,
        registration: RegistrationSettings = RegistrationSettings(),  # noqa: B008 - frozen
        clock: Clock = utc_now,
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._tokens = tokens
        self._knowledge = knowledge
        self._events = events
        self._metrics = metrics
        self._settings = settings
        self._registrar = registrar
        self._registration = registration
        self._gate = gate
        self._clock = clock

    async def run(self, workers: int) -> None:
        """Reconcile forever. Ends only by an error that no worker handles."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            with about_camera(key.name):
                try:
                    await self._attempt(key)
                finally:
                    self._queue.done(key)
                    self._metrics.queue_length.set(len(self._queue))
            # A camera with nothing to do awaits nothing: without this, ten thousand of them would block the event
            # loop, and with it the renewal of the Lease, for half a minute.
            await asyncio.sleep(0)

    async def _attempt(self, key: Key) -> None:
        began = time.perf_counter()
        try:
            await self.reconcile(key)
        except KubeError as error:
            self._failed(key, error.reason, str(error), error.retry_after_seconds)
        except ApiError as error:
            self._failed(key, "backend", str(error), error.retry_after_seconds)
        except Exception:  # an unexpected error of one camera must not stop the others
            logger.exception("unexpected error")
            self._failed(key, "unforeseen", "could not reconcile the camera; it stays as it is", None)
        else:
            self._queue.succeeded(key)
        self._metrics.reconcile_seconds.observe(time.perf_counter() - began)

    def _failed(self, key: Key, reason: str, message: str, retry_after_seconds: float | None) -> None:
        self._metrics.reconcile_errors.labels(reason).inc()
        seconds = self._queue.retry(key, retry_after_seconds or 0.0)
        logger.warning("%s; retrying in %.1f s", message, seconds)

    async def reconcile(self, key: Key) -> None:
        """Bring one camera to its desired state. Idempotent; raises `KubeError` and `ApiError`."""
        camera = self._store.cameras.get(key)
        if camera is None or camera.meta.deleting:
            self._end_rollout(key)
            await self._clean_up(key)
            if camera is not None and FINALIZER in camera.meta.finalizers:
                await self._registrar.release(camera)
            return
        situation = self._situation(camera)
        decision = decide(situation)
        if isinstance(decision, Claim):
            situation = self._situation(await self._registrar.claim(camera))
            decision = decide(situation)
        failure = None
        if isinstance(decision, Register):
            situation, failure = await self._after_registration(situation.camera, decision.registration)
            decision = decide(situation)
        if isinstance(decision, RequestToken):
            token = await self._tokens.issue_detector_token(decision.camera_id)
            situation = replace(situation, api=replace(situation.api, issued_token=token))
            decision = decide(situation)
        if isinstance(decision, Settle):
            await self._carry_out(situation, decision)
        if failure is not None and not failure.is_permanent:
            raise failure

    def _situation(self, camera: Camera) -> Situation:
        return Situation(
            camera=camera,
            children=self._store.children(camera.key),
            classes=self._store.class_map(),
            api=self._knowledge.view(camera),
            settings=self._settings,
            now=self._clock(),
            credentials=self._store.credentials_for(camera),
            registration=self._registration,
        )

    def _may_roll(self, situation: Situation, decision: Settle) -> bool:
        """Whether the detector may restart now for a reason that is not its camera's; updates the rollout gate."""
        key, deployment = situation.camera.key, situation.children.deployment
        is_running = deployment is not None and deployment.is_running
        if decision.roll is not None:
            return self._gate.may_roll(key, is_running=is_running)
        if self._gate.is_rolling(key) and (is_running or ready_of(decision.verdict).reason in NOT_THE_CLASS):
            self._end_rollout(key)
        return False

    def _end_rollout(self, key: Key) -> None:
        for camera in self._gate.settled(key):
            self._queue.add(camera)

    async def _after_registration(
        self, camera: Camera, registration: ResourceRegistration
    ) -> tuple[Situation, ApiError | None]:
        """Register the resource; return the situation after that, and the API's refusal if there was one."""
        try:
            await self._registrar.register(camera, registration)
        except ApiError as error:
            situation = self._situation(camera)
            api = replace(situation.api, refusal=refusal_text(error), is_refused_for_good=error.is_permanent)
            return replace(situation, api=api), error
        return self._situation(camera), None

    async def _carry_out(self, situation: Situation, decision: Settle) -> None:
        camera, may_roll = situation.camera, self._may_roll(situation, decision)
        for removal in decision.remove:
            await self._remove(removal)
        for manifest in decision.manifests(may_roll=may_roll):
            self._observe_own_write(manifest["kind"], await self._kube.apply(manifest))
            logger.info("applied the %s", manifest["kind"])
        if decision.status is not None:
            if len(self._queue) > BUSY_QUEUE_LENGTH and ready_of(decision.verdict).reason is Reason.STARTING:
                self._queue.add_after(camera.key, STARTING_GRACE_SECONDS)
            else:
                await self._write_status(camera, decision.verdict, decision.status)
        if decision.look_again_seconds is not None:
            self._queue.add_after(camera.key, decision.look_again_seconds + LOOK_AGAIN_MARGIN_SECONDS)

    async def _write_status(self, camera: Camera, verdict: Verdict, status: Mapping[str, Any]) -> None:
        try:
            body = await self._kube.apply_status(camera.key, camera.meta.uid, status)
        except KubeError as error:
            if error.status in {404, 409} and self._store.cameras.get(camera.key) != camera:
                # The camera was deleted or replaced during this reconcile; the change is queued already.
                return
            raise
        self._observe_own_write(CAMERA.name, body)
        await self._announce(camera, verdict)

    async def _announce(self, camera: Camera, verdict: Verdict) -> None:
        """Record an event if the reason of `Ready` has changed, but not for each step of a start."""
        ready = ready_of(verdict)
        before = camera.status
        former = [known for known in before.get("conditions") or [] if known.get("type") == ready.type.value]
        if former and former[0].get("reason") == ready.reason.value:
            return
        logger.info("%s: %s %s", verdict.phase.value, ready.reason.value, ready.message)
        if ready.status is ConditionStatus.TRUE:
            await self._events.record_normal(camera, ready.reason.value, ready.message)
        elif ready.reason not in {Reason.STARTING, Reason.INACTIVE}:
            await self._events.record_warning(camera, ready.reason.value, ready.message)

    async def _clean_up(self, key: Key) -> None:
        """Delete the objects of a deleted camera; the garbage collector would do it later."""
        removals = self._store.children(key).removals()
        if not removals:
            return
        # The store may be outdated, so the API server itself must confirm that the camera is gone.
        body = await self._kube.get(CAMERA, key)
        if body is not None and "deletionTimestamp" not in body["metadata"]:
            self._observe_own_write(CAMERA.name, body)
            self._queue.add(key)
            return
        for removal in removals:
            await self._remove(removal)

    async def _remove(self, removal: Removal) -> None:
        kind = BY_NAME[removal.kind]
        if await self._kube.delete(kind, Key(removal.namespace, removal.name), removal.uid):
            self._metrics.writes.labels(removal.kind).inc()
            logger.info("deleted the %s", removal.kind)

    def _observe_own_write(self, kind: str, body: Mapping[str, Any]) -> None:
        """Store the answer to our own write, without queueing the camera: this reconcile knows it already."""
        self._metrics.writes.labels(kind).inc()
        self._store.observe(BY_NAME[kind], body)
