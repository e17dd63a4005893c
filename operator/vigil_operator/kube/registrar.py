"""The API's rows of kubectl cameras: created and deleted together with their resources.

A resource that is being deleted waits until its row is deleted, but not for long: if the API does not respond, the
finalizer is removed anyway. `sync.sweeper` deletes the row once the API is back.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.names import DeletionPolicy
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_operator.core.observed import Camera
from vigil_operator.core.registration import deletion_policy_of
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 30.0
"""How long a deletion waits for the API. With a request that times out it still ends within 60 s."""

RETRY_SECONDS = 4.0


class RowKeeper(Protocol):
    """The part of the API client that this module needs."""

    async def register_resource(self, uid: str, registration: ResourceRegistration) -> RegisteredResource:
        """See `AsyncApiClient`."""

    async def unregister_resource(self, uid: str, policy: DeletionPolicy | None = None) -> None:
        """See `AsyncApiClient`."""


class Rows(Protocol):
    """The known rows; see `Directory`."""

    is_away: bool

    def record_row(self, row: RegisteredResource) -> None:
        """Store the answer to a registration."""

    def forget_row(self, uid: str) -> None:
        """Forget a row that was deleted."""


class Registrar:
    """Used by one event loop."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        store: Store,
        queue: WorkQueue,
        api: RowKeeper,
        rows: Rows,
        metrics: Metrics,
        fence: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._api = api
        self._rows = rows
        self._metrics = metrics
        self._fence = fence
        self._monotonic = monotonic
        self._deleting_since: dict[str, float] = {}

    async def claim(self, camera: Camera) -> Camera:
        """Add the finalizer, before the row exists that it protects; return the camera with it."""
        body = await self._kube.claim(camera)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._store.observe(CAMERA, body)
        return self._store.cameras.get(camera.key, camera)

    async def register(self, camera: Camera, registration: ResourceRegistration) -> None:
        """Register the resource in the API. Raises `ApiError`."""
        self._fence()
        self._rows.record_row(await self._api.register_resource(camera.meta.uid, registration))
        logger.info("registered the camera in the API")

    async def release(self, camera: Camera) -> None:
        """Release or delete the row of a camera that is being deleted, then remove the finalizer.

        Raises `KubeError`.

        The time limit starts when this process first sees the deletion: the API server's clock may differ from ours.
        """
        uid = camera.meta.uid
        since = self._deleting_since.setdefault(uid, self._monotonic())
        is_gone = await self._unregister(uid, deletion_policy_of(camera))
        if not is_gone and self._monotonic() - since < GIVE_UP_SECONDS:
            self._queue.add_after(camera.key, RETRY_SECONDS)
            return
        if not is_gone:
            logger.warning("the API is unreachable: the resource is released now, and its row when the API is back")
        await self._kube.release(camera)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._rows.forget_row(uid)
        self._deleting_since.pop(uid, None)

    async def _unregister(self, uid: str, policy: DeletionPolicy) -> bool:
        if self._rows.is_away:
            # A thousand deletions must not each wait for a connection timeout.
            return False
        self._fence()
        try:
            await self._api.unregister_resource(uid, policy)
        except ApiError as error:
            logger.info("could not release the row: %s; retrying in %.0f s", error, RETRY_SECONDS)
            return False
        return True


def refusal_text(error: ApiError) -> str:
    """Return the API's refusal for a person: each field with what is wrong with it, or the error itself."""
    return "; ".join(f"{field}: {text}" for field, text in error.field_errors.items()) or str(error)
