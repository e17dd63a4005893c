"""Take cameras from the queue, let `core.reconcile` decide, and carry the decisions out."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.names import Reason
from vigil_contracts.resources import ResourceRegistration
from vigil_operator.core.decision import Claim, Register, RequestToken, Settle
from vigil_operator.core.names import FINALIZER
from vigil_operator.core.observed import Camera, Key
from vigil_operator.core.reconcile import decide
from vigil_operator.core.refusals import Refusals
from vigil_operator.core.rollout import NOT_THE_CLASS, RolloutGate
from vigil_operator.core.situation import Situation
from vigil_operator.core.start_times import StartTimes, start_seconds
from vigil_operator.core.status import Verdict, ready_of
from vigil_operator.kube.client import KubeError
from vigil_operator.kube.observer import Observer
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.registrar import Registrar, refusal_text
from vigil_operator.kube.store import Store
from vigil_operator.kube.writer import Writer
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


class Reconciler:
    """Reconciles several cameras at once, but never one camera twice at the same time."""

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue,
        observer: Observer,
        writer: Writer,
        tokens: TokenIssuer,
        registrar: Registrar,
        gate: RolloutGate,
        metrics: Metrics,
        refusals: Refusals | None = None,
        start_times: StartTimes | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._refusals = refusals or Refusals()
        self._start_times = start_times or StartTimes()
        self._observer = observer
        self._writer = writer
        self._tokens = tokens
        self._registrar = registrar
        self._gate = gate
        self._metrics = metrics

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
                    await self.attempt(key)
                finally:
                    self._queue.done(key)
                    self._metrics.queue_length.set(len(self._queue))
            # A camera with nothing to do awaits nothing: without this, ten thousand of them would block the event
            # loop, and with it the renewal of the Lease, for half a minute.
            await asyncio.sleep(0)

    async def attempt(self, key: Key) -> None:
        """Reconcile one camera; a failure is logged, reported if it lasts, and retried."""
        began = time.perf_counter()
        try:
            await self.reconcile(key)
        except KubeError as error:
            self._failed(key, error.reason, str(error), error.retry_after_seconds)
            if error.is_refusal:
                await self._record_refusal(key, error)
        except ApiError as error:
            self._failed(key, "backend", str(error), error.retry_after_seconds)
        except Exception:  # an unexpected error of one camera must not stop the others
            logger.exception("unexpected error")
            self._failed(key, "unforeseen", "could not reconcile the camera; it stays as it is", None)
        else:
            self._queue.succeeded(key)
            self._refusals.forget(key)
        self._metrics.reconcile_seconds.observe(time.perf_counter() - began)

    def _failed(self, key: Key, reason: str, message: str, retry_after_seconds: float | None) -> None:
        self._metrics.reconcile_errors.labels(reason).inc()
        seconds = self._queue.retry(key, retry_after_seconds or 0.0)
        logger.warning("%s; retrying in %.1f s", message, seconds)

    async def _record_refusal(self, key: Key, error: KubeError) -> None:
        """Report in the status what the API server refuses, once that has lasted. Never raises."""
        # A refused change restarts no detector, so others may have their turn.
        self._end_rollout(key)
        camera = self._store.cameras.get(key)
        if camera is None or camera.meta.deleting:
            return
        due_seconds = self._refusals.record(key)
        if due_seconds and camera.not_ready_reason != Reason.DETECTOR_REFUSED:
            self._queue.add_after(key, due_seconds + LOOK_AGAIN_MARGIN_SECONDS)
            return
        situation = self._observer.situation(camera)
        decision = decide(replace(situation, refused=error.answer or str(error)))
        if not isinstance(decision, Settle) or decision.status is None:
            return
        try:
            await self._write_status(camera, decision.verdict, decision.status)
        except KubeError as failure:
            logger.warning("could not report the refusal: %s; retrying", failure)

    async def reconcile(self, key: Key) -> None:
        """Bring one camera to its desired state. Idempotent; raises `KubeError` and `ApiError`."""
        camera = self._store.cameras.get(key)
        if camera is None or camera.meta.deleting:
            self._end_rollout(key)
            if not await self._clean_up(key, camera):
                self._queue.add(key)
            if camera is not None and FINALIZER in camera.meta.finalizers:
                await self._registrar.release(camera)
            return
        situation = self._observer.situation(camera)
        decision = decide(situation)
        if isinstance(decision, Claim):
            await self._writer.announce_claim(camera)
            situation = self._observer.situation(await self._registrar.claim(camera))
            decision = decide(situation)
        failure = None
        if isinstance(decision, Register):
            registration = decision.registration
            situation, failure = await self._after_registration(situation.camera, registration)
            decision = decide(situation)
            if isinstance(decision, Register) and decision.registration != registration:
                self._queue.add(key)  # another one is due since the request, for example by a new CameraPolicy
        if isinstance(decision, RequestToken):
            token = await self._tokens.issue_detector_token(decision.camera_id)
            situation = replace(situation, api=replace(situation.api, issued_token=token))
            decision = decide(situation)
        if isinstance(decision, Settle):
            await self._carry_out(situation, decision)
        if failure is not None and not failure.is_permanent:
            raise failure

    async def _clean_up(self, key: Key, camera: Camera | None) -> bool:
        """See `Writer.clean_up`. While a namespace is deleted, our rights in it end before its cameras do.

        Then the garbage collector removes the objects: they must not keep the camera, and with it the namespace.
        """
        try:
            return await self._writer.clean_up(key)
        except KubeError as error:
            if camera is None or error.status != HTTPStatus.FORBIDDEN:
                raise
            logger.info("could not delete the camera's objects: %s; leaving them to the garbage collector", error)
            return True

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
            situation = self._observer.situation(camera)
            api = replace(situation.api, refusal=refusal_text(error), is_refused_for_good=error.is_permanent)
            return replace(situation, api=api), error
        return self._observer.situation(camera), None

    async def _write_status(self, camera: Camera, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """Write the status, and queue the camera again if the answer shows an edit that this reconcile does not know.

        The watch reports that edit with an older version than the answer has, so the store ignores it.
        """
        await self._writer.write_status(camera, verdict, status)
        known = self._store.cameras.get(camera.key)
        if known is not None and known.is_edit_of(camera):
            self._queue.add(camera.key)

    def _measure_start(self, situation: Situation, verdict: Verdict) -> None:
        seconds = start_seconds(situation, verdict)
        if seconds is not None:
            self._start_times.record(verdict.class_name, seconds)

    async def _carry_out(self, situation: Situation, decision: Settle) -> None:
        camera, may_roll = situation.camera, self._may_roll(situation, decision)
        for removal in decision.remove:
            await self._writer.remove(removal)
        for manifest in decision.manifests(may_roll=may_roll):
            await self._writer.apply(manifest)
        if decision.status is not None:
            if len(self._queue) > BUSY_QUEUE_LENGTH and ready_of(decision.verdict).reason is Reason.STARTING:
                self._queue.add_after(camera.key, STARTING_GRACE_SECONDS)
            else:
                await self._write_status(camera, decision.verdict, decision.status)
                self._measure_start(situation, decision.verdict)
        if decision.look_again_seconds is not None:
            self._queue.add_after(camera.key, decision.look_again_seconds + LOOK_AGAIN_MARGIN_SECONDS)
