"""The full listing, once at the start and then every minute: whatever a watch has missed is mended here.

What a listing shows to be another than before is looked at at once. All the rest is looked at only now and then,
since a decision about the same things is the same decision.
"""

import asyncio
import logging
import random
import time
from http import HTTPStatus
from itertools import count

from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store
from vigil_operator.kube.watch import WATCHED, selector_of

logger = logging.getLogger(__name__)

NOT_INSTALLED = "; are the definitions installed (kubectl apply -f manifests/crds/)?"

JITTER = 0.2
RETRY_SECONDS = 2.0
LOOK_AT_ALL_EVERY = 10
"""Listings after which every camera is looked at, whether it has changed or not."""


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
        """Fills the store and puts every camera in line; returns when all of it is known."""
        await self._until_listed(look_at_all=True)

    async def _until_listed(self, *, look_at_all: bool) -> None:
        while not await self.attempt(look_at_all=look_at_all):  # noqa: ASYNC110 - the pause between attempts, no polling of a flag
            await asyncio.sleep(RETRY_SECONDS)

    async def run(self) -> None:
        """Never returns."""
        for number in count(1):
            pause = self._interval_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            await asyncio.sleep(pause)
            await self._until_listed(look_at_all=number % LOOK_AT_ALL_EVERY == 0)

    async def attempt(self, *, look_at_all: bool) -> bool:
        """Lists once; whether that succeeded."""
        changed: set[Key] = set()
        try:
            for kind in WATCHED:
                # Cameras first and their objects later: an object is never seen before its camera.
                listing = await self._kube.list_all(
                    kind, self._namespace if kind.namespaced else "", selector_of(kind)
                )
                changed |= self._store.replace(kind, listing)
        except KubeError as error:
            hint = NOT_INSTALLED if error.status == HTTPStatus.NOT_FOUND else ""
            logger.warning("listing failed: %s%s", error, hint)
            return False
        for key in self._store.all_cameras() if look_at_all else changed:
            self._queue.add(key)
        self.last_success = time.monotonic()
        return True
