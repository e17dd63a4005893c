"""Keep the store as new as the API server for one kind: list once, then watch.

There are ten thousands of cameras, Deployments, pods and Secrets, and most of their events are our own writes coming
back. These are recognised by their resource version and not parsed, which kopf cannot do: it parses every object,
keeps a task and the whole object for each for a while, and lists everything again when it starts. The name is the one
of client-go.
"""

import asyncio
import logging
from http import HTTPStatus

from vigil_contracts.backoff import Backoff
from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import Kind
from vigil_operator.kube.listing import WatchEvent
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Relist, Store, version_of
from vigil_operator.kube.watched import list_watched, selector_of

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.1
"""Between two watches that the server ended."""

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 5.0


class Reflector:
    """Watches one kind in one namespace. For one event loop.

    `since`: the resource version of a listing that the store has; empty to begin with a listing.
    """

    def __init__(
        self, *, kube: KubeClient, store: Store, queue: WorkQueue, kind: Kind, namespace: str, since: str
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._kind = kind
        self._namespace = namespace
        self._since = since
        self._backoff = Backoff(FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS)

    async def run(self) -> None:
        """Watch forever; failures are logged and retried."""
        while True:
            try:
                await self.watch_once()
            except KubeError as error:
                await self.recover(error)
            else:
                await asyncio.sleep(PAUSE_SECONDS)

    async def watch_once(self) -> None:
        """List if necessary, then watch until the server ends the watch. Raises `KubeError`."""
        if not self._since:
            await self._list()
        async for event in self._kube.watch(self._kind, self._namespace, selector_of(self._kind), self._since):
            self._backoff.reset()
            self._since = event.resource_version or self._since
            for key in self._observe(event):
                self._queue.add(key)

    async def recover(self, error: KubeError) -> None:
        """Pause after a failed watch. One whose resource version is too old (410) starts again with a listing."""
        if error.status == HTTPStatus.GONE:
            self._since = ""
            await asyncio.sleep(PAUSE_SECONDS)
            return
        seconds = self._backoff.next_seconds(error.retry_after_seconds or 0.0)
        if self._backoff.failures == 1:
            kind, place = self._kind.plural, self._namespace
            logger.warning("watching %s in %s: %s; retrying until it succeeds", kind, place, error)
        await asyncio.sleep(seconds)

    async def _list(self) -> None:
        relist = Relist(self._store, self._kind, self._namespace, starts_watch=True)
        try:
            self._since = await list_watched(self._kube, self._kind, self._namespace, relist) or ""
        finally:
            # What was listed before a failure is known now, and would not count as changed the next time.
            for key in relist.affected:
                self._queue.add(key)

    def _observe(self, event: WatchEvent) -> set[Key]:
        found, health = event.found, self._store.watch_health
        if found is None:
            return set()
        if event.type == "DELETED":
            health.gone(self._kind, found.key)
            return self._store.forget(self._kind, found.key, found.metadata.uid)
        health.told(self._kind, found.key, version_of(found.metadata.resource_version))
        return self._store.observe_listed(self._kind, found)
