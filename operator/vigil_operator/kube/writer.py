"""Write a camera's objects and status, count the writes, and keep the store as new as they are."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigil_contracts.names import ConditionStatus, Reason
from vigil_operator.core.decision import Removal
from vigil_operator.core.names import LABEL_MANAGED_BY, MANAGED_BY_BACKEND, MANAGED_BY_KUBECTL
from vigil_operator.core.observed import Camera, Key
from vigil_operator.core.refusals import secrets_in
from vigil_operator.core.status import Verdict, ready_of
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.kinds import BY_NAME, CAMERA
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

LABEL_REVERTED = (
    f"Only the operator sets the label {LABEL_MANAGED_BY}={MANAGED_BY_BACKEND}: it was changed back to "
    f"{MANAGED_BY_KUBECTL}. This resource is a camera of its own, and the API camera keeps its own resource."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes to the Kubernetes API server. All methods raise `KubeError`."""

    kube: KubeClient
    store: Store
    events: EventRecorder
    metrics: Metrics

    async def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create or change an object of a detector."""
        try:
            body = await self.kube.apply(manifest)
        except KubeError as error:
            raise error.without(secrets_in(manifest)) from None
        self._observe_own_write(manifest["kind"], body)
        logger.info("applied the %s", manifest["kind"])

    async def remove(self, removal: Removal) -> None:
        """Delete an object if it still is the one that the removal names."""
        kind = BY_NAME[removal.kind]
        if await self.kube.delete(kind, Key(removal.namespace, removal.name), removal.uid):
            self.metrics.writes.labels(removal.kind).inc()
            logger.info("deleted the %s", removal.kind)

    async def clean_up(self, key: Key) -> bool:
        """Delete the objects of a deleted camera; the garbage collector would do it later.

        Return False if the camera exists after all, so that it must be reconciled.
        """
        removals = self.store.children(key).removals()
        if not removals:
            return True
        # The store may be outdated, so the API server itself must confirm that the camera is gone.
        body = await self.kube.get(CAMERA, key)
        if body is not None and "deletionTimestamp" not in body["metadata"]:
            self._observe_own_write(CAMERA.name, body)
            return False
        for removal in removals:
            await self.remove(removal)
        return True

    async def announce_claim(self, camera: Camera) -> None:
        """Record an event if the kubectl camera's label says that the API owns it; the claim corrects the label."""
        if camera.meta.labels.get(LABEL_MANAGED_BY) == MANAGED_BY_BACKEND:
            await self.events.record_warning(camera, "LabelReverted", LABEL_REVERTED)
            logger.warning("reverted the label %s: the API does not own this camera", LABEL_MANAGED_BY)

    async def write_status(self, camera: Camera, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """Write the status, and record an event if its reason is new."""
        try:
            body = await self.kube.apply_status(CAMERA, camera.key, camera.meta.uid, status)
        except KubeError as error:
            if error.status in {404, 409} and self.store.cameras.get(camera.key) != camera:
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
        if ready.reason in {Reason.STARTING, Reason.INACTIVE}:
            return
        if ready.status is ConditionStatus.TRUE:
            await self.events.record_normal(camera, ready.reason.value, ready.message)
        else:
            await self.events.record_warning(camera, ready.reason.value, ready.message)

    def _observe_own_write(self, kind: str, body: Mapping[str, Any]) -> None:
        """Store the answer to our own write, without queueing the camera: this reconcile knows it already."""
        self.metrics.writes.labels(kind).inc()
        self.store.observe(BY_NAME[kind], body)
