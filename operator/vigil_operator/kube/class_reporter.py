"""Write the status of each DetectorClass: the API server is asked whether it would accept a detector of the class.

So a class that cannot work says so when it is created, and not only once a camera uses it.

Several operators of one cluster, each with its own namespaces, write the status of the same classes. Each counts the
cameras of all namespaces, so that all of them write the same.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from vigil_contracts.names import REASON_TEXTS, Reason
from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.capacity import NodeUse, capacity_status
from vigil_operator.core.class_events import class_events
from vigil_operator.core.class_status import (
    Acceptance,
    CameraCounts,
    build_class_status,
    build_trial,
    count_cameras,
)
from vigil_operator.core.desired.plan import ManifestSettings
from vigil_operator.core.observed import Camera, DetectorClass
from vigil_operator.core.specs import InvalidSpecError, parse_class_spec
from vigil_operator.core.start_times import StartTimes
from vigil_operator.kube.camera_costs import CameraCosts
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.definitions import UPGRADE
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import DETECTOR_CLASS
from vigil_operator.kube.model_rollouts import ModelRollouts
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0

CHECK_AGAIN_SECONDS = 60.0
"""A refusal may end without a change of the class, for example when a policy of the cluster changes."""

COSTS_UNDECLARED = "perCamera: field not declared in schema"
"""In the answer of an API server whose definition of DetectorClass is older than this version."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """The API server's answer about one version of a class."""

    uid: str
    generation: int
    acceptance: Acceptance
    at: float

    def is_current(self, found: DetectorClass, now: float) -> bool:
        """Return whether the answer still stands."""
        is_same = (self.uid, self.generation) == (found.meta.uid, found.meta.generation)
        return is_same and (self.acceptance.is_accepted or now - self.at < CHECK_AGAIN_SECONDS)


class ClassReporter:
    """For one event loop."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        store: Store,
        queue: WorkQueue,
        metrics: Metrics,
        settings: ManifestSettings,
        namespace: str,
        start_times: StartTimes | None = None,
        rollouts: ModelRollouts | None = None,
        costs: CameraCosts | None = None,
        events: EventRecorder | None = None,
        node_use: Callable[[], NodeUse | None] = lambda: None,
        watched_elsewhere: Callable[[], Iterable[Camera]] = tuple,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._metrics = metrics
        self._settings = settings
        self._namespace = namespace
        self._start_times = start_times or StartTimes()
        self._rollouts = rollouts
        self._costs = costs
        self._events = events
        self._costs_undeclared_until = float("-inf")
        self._node_use = node_use
        self._watched_elsewhere = watched_elsewhere
        self._clock = clock
        self._monotonic = monotonic
        self._checked: dict[str, _Checked] = {}
        self._written: dict[str, dict[str, Any]] = {}
        self._complaints: dict[str, str] = {}

    async def run(self) -> None:
        """Report forever."""
        while True:
            await self.report_once()
            await asyncio.sleep(PAUSE_SECONDS)

    async def report_once(self) -> None:
        """Write the status of each class where it differs. A failure is retried the next time."""
        classes = self._store.class_map()
        counts = count_cameras(chain(self._store.cameras.values(), self._watched_elsewhere()), classes)
        for name, found in sorted(classes.items()):
            if found.meta.deleting:
                continue
            try:
                await self._report(found, counts)
            except KubeError as error:
                if self._complaints.get(name) != str(error):
                    logger.warning("could not check DetectorClass %r or write its status: %s; retrying", name, error)
                    self._complaints[name] = str(error)
            else:
                self._complaints.pop(name, None)
        self._checked = {name: known for name, known in self._checked.items() if name in classes}

    async def _report(self, found: DetectorClass, counts: CameraCounts) -> None:
        acceptance, classes = await self._acceptance(found), self._store.class_map()
        start_seconds = self._start_times.published_seconds(found.key.name, found.status.get("startSeconds"))
        status = build_class_status(
            found,
            acceptance,
            counts.all[found.key.name],
            self._clock(),
            classes=classes,
            start_seconds=start_seconds,
            capacity=self._capacity(found, counts),
            rollout=self._rollouts.status_of(found) if self._rollouts is not None else None,
        )
        # A request of a person is in the status, but is not the operator's to write.
        known = {name: value for name, value in found.status.items() if name != "rolloutRequest"}
        if status == known or self._written.get(found.meta.uid) == status:
            # Another operator lists our cameras every 30 s, so its number may be older; the last change stands.
            return
        try:
            body = await self._kube.apply_status(DETECTOR_CLASS, found.key, found.meta.uid, status)
        except KubeError as error:
            if COSTS_UNDECLARED not in error.answer:
                raise
            self._leave_costs_out()
            await self._report(found, counts)
            return
        self._written[found.meta.uid] = status
        self._metrics.writes.labels(DETECTOR_CLASS.name).inc()
        for camera in self._store.observe(DETECTOR_CLASS, body):
            self._queue.add(camera)
        await self._record_events(found, status)

    async def _record_events(self, found: DetectorClass, status: dict[str, Any]) -> None:
        """Record how the status that was just written differs from the one before."""
        if self._events is None:
            return
        for event in class_events(found.status, status):
            record = self._events.record_warning if event.is_warning else self._events.record_normal
            await record(found, event.reason, event.message, occasion=event.occasion)

    def _leave_costs_out(self) -> None:
        """Write no costs for a while: with them, the API server refuses the whole status."""
        if self._costs_undeclared_until == float("-inf"):
            logger.warning(
                "the installed definition of DetectorClass lacks status.capacity.perCamera, which is left out; %s",
                UPGRADE,
            )
        self._costs_undeclared_until = self._monotonic() + CHECK_AGAIN_SECONDS

    def _capacity(self, found: DetectorClass, counts: CameraCounts) -> dict[str, Any] | None:
        """Return the class's capacity; None if its spec is invalid."""
        name = found.key.name
        try:
            trial = build_trial(name, parse_class_spec(found.spec), self._settings, self._namespace)
        except InvalidSpecError:
            return None
        pod = trial["spec"]["template"]["spec"]
        has_field = self._monotonic() >= self._costs_undeclared_until
        per_camera = self._costs.per_camera(found) if self._costs is not None and has_field else None
        capacity = capacity_status(pod, self._node_use(), waiting=counts.waiting[name], asleep=counts.asleep[name])
        return capacity | ({"perCamera": per_camera} if per_camera is not None else {})

    async def _acceptance(self, found: DetectorClass) -> Acceptance:
        known, now = self._checked.get(found.key.name), self._monotonic()
        if known is not None and known.is_current(found, now):
            return known.acceptance
        acceptance = await self._check(found)
        self._checked[found.key.name] = _Checked(found.meta.uid, found.meta.generation, acceptance, now)
        if not acceptance.is_accepted and (known is None or known.acceptance != acceptance):
            logger.warning("DetectorClass %r: %s: %s", found.key.name, acceptance.reason, acceptance.message)
        return acceptance

    async def _check(self, found: DetectorClass) -> Acceptance:
        """Raise `KubeError` without an answer about the class itself."""
        try:
            spec = parse_class_spec(found.spec)
        except InvalidSpecError as error:
            return Acceptance(Reason.INVALID_SPEC.value, str(error))
        try:
            await self._kube.try_apply(build_trial(found.key.name, spec, self._settings, self._namespace))
        except KubeError as error:
            if not error.is_objection:
                raise
            text = REASON_TEXTS[Reason.DETECTOR_REFUSED]
            return Acceptance(Reason.DETECTOR_REFUSED.value, f"{text} {error.answer}".strip())
        return Acceptance()
