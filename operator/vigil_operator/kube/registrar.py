"""Cameras of `kubectl` and their rows in the API: made when the resource is, gone when it goes.

A resource that is being deleted waits for its row, but not for long: with the API gone for good, the finalizer is
taken off all the same. A row that is left over then is swept by the sync when the API is back.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_operator.core.observed import Camera
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 30.0
"""How long a deletion waits for the API; with a request that runs into its time limit it still ends within 60 s."""

ASK_AGAIN_SECONDS = 4.0


class RowKeeper(Protocol):
    """The part of the API client that this needs."""

    async def register_resource(self, uid: str, registration: ResourceRegistration) -> RegisteredResource:
        """See `AsyncApiClient`."""

    async def unregister_resource(self, uid: str) -> None:
        """See `AsyncApiClient`."""


class Rows(Protocol):
    """What is known about the rows."""

    is_away: bool

    def record_row(self, row: RegisteredResource) -> None:
        """A registration's answer."""

    def forget_row(self, uid: str) -> None:
        """The row is gone."""


class Registrar:
    """For one event loop."""

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
        """Puts the finalizer on, before there is a row that it guards; the camera with it."""
        body = await self._kube.claim(camera)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._store.observe(CAMERA, body)
        return self._store.cameras.get(camera.key, camera)

    async def register(self, camera: Camera, registration: ResourceRegistration) -> None:
        """Tells the API what the resource says. Raises `ApiError`."""
        self._fence()
        self._rows.record_row(await self._api.register_resource(camera.meta.uid, registration))
        logger.info("registered in the API")

    async def let_go(self, camera: Camera) -> None:
        """Removes the row of a camera that is being deleted, then the finalizer. Raises `KubeError`.

        The time is taken from when this process first saw the deletion: the clock of the API server may be another.
        """
        uid = camera.meta.uid
        since = self._deleting_since.setdefault(uid, self._monotonic())
        is_gone = await self._unregister(uid)
        if not is_gone and self._monotonic() - since < GIVE_UP_SECONDS:
            self._queue.add_after(camera.key, ASK_AGAIN_SECONDS)
            return
        if not is_gone:
            logger.warning("deleted without the API, which is away: its row is removed when the API is back")
        await self._kube.release(camera)
        self._metrics.writes.labels(CAMERA.name).inc()
        self._rows.forget_row(uid)
        self._deleting_since.pop(uid, None)

    async def _unregister(self, uid: str) -> bool:
        if self._rows.is_away:
            # A thousand deletions must not each wait for a connection that nobody answers.
            return False
        self._fence()
        try:
            await self._api.unregister_resource(uid)
        except ApiError as error:
            logger.info("the row is still there: %s", error)
            return False
        return True


def refusal_text(error: ApiError) -> str:
    """Return the API's refusal for a person: each field with what is wrong with it, or the error itself."""
    return "; ".join(f"{field}: {text}" for field, text in error.field_errors.items()) or str(error)
