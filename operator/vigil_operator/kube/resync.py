"""The full listing, once at the start and then every minute: whatever a watch has missed is mended here."""

import asyncio
import logging
import random
import time

from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.kube.watch import WATCHED, selector_of

logger = logging.getLogger(__name__)

JITTER = 0.2
RETRY_SECONDS = 2.0


class Resync:
    """Lists everything and puts every camera in line."""

    def __init__(
        self, *, kube: KubeClient, store: Store, queue: WorkQueue, namespace: str, interval_seconds: float
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._namespace = namespace
        self._interval_seconds = interval_seconds
        self.last_success = time.monotonic()

    async def first(self) -> None:
        """Fills the store; returns when all of it is known."""
        while not await self._attempt():  # noqa: ASYNC110 - the pause between attempts, no polling of a flag
            await asyncio.sleep(RETRY_SECONDS)

    async def run(self) -> None:
        """Never returns."""
        while True:
            pause = self._interval_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            await asyncio.sleep(pause)
            await self.first()

    async def _attempt(self) -> bool:
        try:
            for kind in WATCHED:
                # Cameras first and their objects later: an object is never seen before its camera.
                listing = await self._kube.list_all(
                    kind, self._namespace if kind.namespaced else "", selector_of(kind)
                )
                self._store.replace(kind, listing.items, listing.resource_version)
        except KubeError as error:
            logger.warning("listing failed: %s", error)
            return False
        for key in self._store.all_cameras():
            self._queue.add(key)
        self.last_success = time.monotonic()
        return True
