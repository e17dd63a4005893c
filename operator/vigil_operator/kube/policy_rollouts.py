"""Roll out CameraPolicies: record accepted versions, give them to cameras in steps, and write each policy's status.

Which version a camera has is in its own status, and what a version contains in the policy's, so that a restart of the
operator changes no camera. Only the turns of cameras that are being updated are lost; they are given again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from vigil_contracts.names import Reason
from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.observed import Camera, CameraPolicy, DetectorClass, Key
from vigil_operator.core.policy_conflict import find_conflict
from vigil_operator.core.policy_index import CameraIndex
from vigil_operator.core.policy_merge import PolicyRevision
from vigil_operator.core.policy_revisions import kept_revisions, recorded_revisions, revision_for, revision_of
from vigil_operator.core.policy_rollout import Member, Step, member_of, next_step
from vigil_operator.core.policy_spec import CameraPolicySpec, PolicyRollout, parse_policy_spec
from vigil_operator.core.policy_status import PolicyCounts, PolicyState, build_policy_status
from vigil_operator.core.specs import InvalidSpecError
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import CAMERA_POLICY
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0

COUNT_AGAIN_SECONDS = 10.0
"""While no policy changes and none is rolled out, cameras are counted this often at most."""

IDLE_PAUSES, ROLLING_PAUSES = 200, 50
"""The pause between two rounds in durations of a round, which is 0.2 s with ten thousand cameras. Waiting for the API
server does not count: a round that failed by a timeout is retried soon."""


class PolicyRollouts:
    """For one event loop."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        store: Store,
        queue: WorkQueue,
        events: EventRecorder,
        metrics: Metrics,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._granted: dict[tuple[Key, str], int] = {}
        """The versions that it is cameras' turn to have, by camera and policy."""
        self._recorded: dict[str, tuple[str, list[PolicyRevision]]] = {}
        """The versions in the status of each policy, with the resource version from which they were read."""
        self._complaints: dict[Key, str] = {}
        self._seen_cameras = -1
        self._seen_others: tuple[int, frozenset[str]] = (-1, frozenset())
        self._last_round = monotonic()
        self._round_seconds = 0.0
        self._waited_seconds = 0.0
        self._is_rolling = False

    def revisions_for(self, camera: Camera) -> tuple[PolicyRevision, ...]:
        """Return the policies of the camera's namespace, each in the version that the camera has now."""
        found = (
            revision_for(
                camera, policy.key.name, self._revisions(policy), self._granted.get((camera.key, policy.key.name))
            )
            for policy in self._policies_in(camera.key.namespace)
        )
        return tuple(revision for revision in found if revision is not None)

    async def run(self) -> None:
        """Roll out forever."""
        while True:
            await self.run_if_due()
            await asyncio.sleep(PAUSE_SECONDS)

    async def run_if_due(self) -> None:
        """Do one round if a policy has changed or is being rolled out, or to count changed cameras."""
        cameras = self._store.camera_changes
        others = (self._store.policy_changes, frozenset(key.name for key in self._store.classes))
        waited = self._monotonic() - self._last_round
        is_next_step_due = self._is_rolling and waited >= self._round_seconds * ROLLING_PAUSES
        pause = max(COUNT_AGAIN_SECONDS, self._round_seconds * IDLE_PAUSES)
        if others != self._seen_others or is_next_step_due or (cameras != self._seen_cameras and waited >= pause):
            self._seen_cameras, self._seen_others, self._last_round = cameras, others, self._monotonic()
            self._waited_seconds = 0.0
            await self.round()
            self._round_seconds = self._monotonic() - self._last_round - self._waited_seconds

    async def round(self) -> None:
        """Take the next step of each policy and write its status. A failure is retried in the next round."""
        self._is_rolling = False
        for namespace in sorted({key.namespace for key in self._store.policies}):
            policies = self._policies_in(namespace)
            index = CameraIndex(camera for key, camera in self._store.cameras.items() if key.namespace == namespace)
            newest = {policy.key.name: found[0] for policy in policies if (found := self._revisions(policy))}
            for policy in policies:
                try:
                    await self._advance(policy, index, newest)
                except KubeError as error:
                    self._is_rolling = True
                    if self._complaints.get(policy.key) != str(error):
                        logger.warning("could not write the status of %s: %s; retrying", _named(policy), error)
                        self._complaints[policy.key] = str(error)
                else:
                    self._complaints.pop(policy.key, None)
        uids = {policy.meta.uid for policy in self._store.policies.values()}
        self._recorded = {uid: known for uid, known in self._recorded.items() if uid in uids}
        self._granted = {turn: found for turn, found in self._granted.items() if turn[0] in self._store.cameras}

    async def _advance(self, policy: CameraPolicy, index: CameraIndex, newest: Mapping[str, PolicyRevision]) -> None:
        problem = self._problem(policy)
        revisions = self._revisions(policy)
        if problem is None and policy.meta.generation not in {revision.generation for revision in revisions}:
            await self._record_version(policy)
            return
        members = self._members(policy, revisions, index)
        step = self._step(policy, members) if revisions else Step()
        status = policy.status
        rollout = dict(status.get("rollout") or {})
        if step.grant:
            rollout["lastStepTime"] = rfc3339(self._clock())
        remaining = sum(not member.has_newest for member in members)
        in_use = {camera.policy_generations[policy.key.name] for camera in index.with_policy(policy.key.name)}
        state = PolicyState(
            problem=problem,
            remaining=remaining,
            stopped=step.stopped,
            revisions=tuple(
                kept_revisions(status.get("revisions") or (), in_use, revisions[0].generation) if revisions else ()
            ),
            rollout=rollout,
            counts=_count(policy, revisions, index),
            conflict=find_conflict(policy.key.name, newest, index),
        )
        self._is_rolling = self._is_rolling or remaining > 0
        await self._write(policy, state)
        self._grant(policy, step, revisions)
        await self._announce(policy, step)

    async def _record_version(self, policy: CameraPolicy) -> None:
        """Record the policy's spec as a version. Cameras get it from the next round on."""
        self._is_rolling = True
        status, is_first = policy.status, not self._revisions(policy)
        entries = [*(status.get("revisions") or ()), revision_of(policy)]
        kept = kept_revisions(entries, {entry["generation"] for entry in entries}, policy.meta.generation)
        state = PolicyState(
            counts=PolicyCounts(cameras=status.get("cameras", 0)),
            remaining=1,
            revisions=tuple(kept),
            rollout={"startTime": rfc3339(self._clock())},
        )
        await self._write(policy, state)
        logger.info("accepted version %d of %s", policy.meta.generation, _named(policy))
        if is_first:
            # A policy of the same name may have been deleted before; its versions have the same numbers.
            for key in self._store.cameras_with_policy(policy.key):
                self._queue.add(key)

    def _problem(self, policy: CameraPolicy) -> tuple[str, str] | None:
        """Return reason and message if the policy's spec is not accepted."""
        try:
            spec = parse_policy_spec(policy.spec)
        except InvalidSpecError as error:
            return Reason.INVALID_SPEC.value, str(error)
        return _class_problem(spec, self._store.class_map())

    def _members(self, policy: CameraPolicy, revisions: list[PolicyRevision], index: CameraIndex) -> list[Member]:
        """Return the cameras that the newest version selects, and those that still have another one."""
        if not revisions:
            return []
        name, newest = policy.key.name, revisions[0].generation
        selected = {camera.key: camera for camera in index.selected(revisions[0].selector)}
        concerned = selected | {camera.key: camera for camera in index.with_policy(name)}
        found = []
        for key, camera in concerned.items():
            has_newest = camera.policy_generations.get(name) == newest
            if has_newest:
                self._granted.pop((key, name), None)
            is_released = has_newest and key not in selected  # its label was removed; its reconcile is queued
            if is_released or camera.managed_by_backend or camera.meta.deleting:
                continue
            is_granted = self._granted.get((key, name)) == newest or not camera.is_observed
            found.append((camera, has_newest, is_granted))
        if all(has_newest for _, has_newest, _ in found):
            return [Member(camera.key, True) for camera, _, _ in found]
        return [member_of(camera, name, has_newest=has, is_granted=granted) for camera, has, granted in found]

    def _step(self, policy: CameraPolicy, members: list[Member]) -> Step:
        times = policy.status.get("rollout") or {}
        now = self._clock()
        return next_step(
            members,
            _rollout_of(policy),
            started=_moment(times.get("startTime")) or now,
            last_step=_moment(times.get("lastStepTime")),
            now=now,
        )

    def _grant(self, policy: CameraPolicy, step: Step, revisions: list[PolicyRevision]) -> None:
        for key in step.grant:
            self._granted[key, policy.key.name] = revisions[0].generation
            self._queue.add(key)
        if step.grant:
            generation = revisions[0].generation
            logger.info("rolling out version %d of %s to %d cameras", generation, _named(policy), len(step.grant))

    async def _announce(self, policy: CameraPolicy, step: Step) -> None:
        if step.stopped:
            await self._events.record_warning(policy, "RolloutStopped", f"The rollout has stopped: {step.stopped}")

    async def _write(self, policy: CameraPolicy, state: PolicyState) -> None:
        status = build_policy_status(policy, state, self._clock())
        if status == policy.status:
            return
        began = self._monotonic()
        try:
            body = await self._kube.apply_status(CAMERA_POLICY, policy.key, policy.meta.uid, status)
        finally:
            self._waited_seconds += self._monotonic() - began
        self._metrics.writes.labels(CAMERA_POLICY.name).inc()
        self._store.observe(CAMERA_POLICY, body)

    def _policies_in(self, namespace: str) -> list[CameraPolicy]:
        policies = self._store.policies.items()
        return [found for key, found in sorted(policies) if key.namespace == namespace and not found.meta.deleting]

    def _revisions(self, policy: CameraPolicy) -> list[PolicyRevision]:
        version = policy.meta.resource_version
        known = self._recorded.get(policy.meta.uid)
        if known is None or known[0] != version:
            known = self._recorded[policy.meta.uid] = (version, recorded_revisions(policy))
        return known[1]


def _named(policy: CameraPolicy) -> str:
    return f"CameraPolicy {policy.key.name!r} in namespace {policy.key.namespace!r}"


def _count(policy: CameraPolicy, revisions: list[PolicyRevision], index: CameraIndex) -> PolicyCounts:
    if not revisions:
        return PolicyCounts()
    name, newest = policy.key.name, revisions[0]
    selected = index.selected(newest.selector)
    ours = [camera for camera in selected if not camera.managed_by_backend and not camera.meta.deleting]
    return PolicyCounts(
        cameras=len(ours),
        updated=sum(camera.policy_generations.get(name) == newest.generation for camera in ours),
        ignored=sum(camera.managed_by_backend for camera in selected),
    )


def _class_problem(spec: CameraPolicySpec, classes: dict[str, DetectorClass]) -> tuple[str, str] | None:
    name = spec.defaults.detector_class_name
    if name is None or name in classes:
        return None
    return (
        Reason.DETECTOR_CLASS_NOT_FOUND.value,
        f"spec.defaults.detectorClassName: there is no DetectorClass {name!r}.",
    )


def _rollout_of(policy: CameraPolicy) -> PolicyRollout:
    try:
        return parse_policy_spec(policy.spec).rollout
    except InvalidSpecError:
        # The last accepted version is still being rolled out.
        return PolicyRollout()


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
