"""The resync: list all objects at the start and then every minute, to find changes that a watch has missed.

Objects that have changed are reconciled at once. All others are reconciled only now and then, since the same input
leads to the same decision.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from itertools import count

from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import Kind
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Relist, Store
from vigil_operator.kube.watched import BY_REFLECTOR, WATCHED, list_watched

logger = logging.getLogger(__name__)

NOT_INSTALLED = "; are the definitions installed (kubectl apply -f manifests/crds/)?"

INSTALL = "upgrade the chart vigil-crds, or run kubectl apply -f manifests/crds/"

JITTER = 0.2
PAUSES = 30
"""The pause between two listings in durations of one, which takes seconds with ten thousand cameras."""

MAX_PAUSE_SECONDS = 300.0
RETRY_SECONDS = 2.0
LOOK_AT_ALL_EVERY = 10
"""Every camera is reconciled with each Nth listing, changed or not."""


class Resync:
    """Lists all objects and queues the cameras.

    The first of `namespaces` is required. A further one that cannot be listed keeps its state and does not affect the
    others, for example if it was deleted together with the operator's permissions in it.
    """

    def __init__(
        self, *, kube: KubeClient, store: Store, queue: WorkQueue, namespaces: Sequence[str], interval_seconds: float
    ) -> None:
        self._kube = kube
        self._store = store
        self._queue = queue
        self._namespaces = namespaces
        self._interval_seconds = interval_seconds
        self._listed: set[str] = set()
        self._missing: set[Kind] = set()
        self._versions: dict[tuple[Kind, str], str] = {}
        self._list_seconds = 0.0
        self._due = time.monotonic()
        self._last_success = time.monotonic()

    def is_listed(self, namespace: str) -> bool:
        """Return whether the last attempt to list the namespace succeeded, so that all its cameras are known."""
        return namespace in self._listed

    def version_of(self, kind: Kind, namespace: str) -> str:
        """Return the resource version of the first listing, from which a watch continues; empty if there is none."""
        return self._versions.get((kind, namespace), "")

    def alive_at(self) -> float:
        """Return when everything was last up to date (`time.monotonic`): now, if no listing is due yet."""
        return max(self._last_success, min(self._due, time.monotonic()))

    async def first(self) -> None:
        """Fill the store and queue every camera; return when everything is loaded."""
        await self._until_listed(look_at_all=True)

    async def _until_listed(self, *, look_at_all: bool) -> None:
        while not await self.attempt(look_at_all=look_at_all):  # noqa: ASYNC110 - the pause between attempts, no polling of a flag
            await asyncio.sleep(RETRY_SECONDS)

    async def run(self) -> None:
        """Run forever."""
        for number in count(1):
            interval = max(self._interval_seconds, min(self._list_seconds * PAUSES, MAX_PAUSE_SECONDS))
            pause = interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            self._due = time.monotonic() + pause
            await asyncio.sleep(pause)
            await self._until_listed(look_at_all=number % LOOK_AT_ALL_EVERY == 0)

    async def attempt(self, *, look_at_all: bool) -> bool:
        """List once; return whether it succeeded."""
        began = time.monotonic()
        changed: set[Key] = set()
        for namespace in self._namespaces:
            is_first = namespace == self._namespaces[0]
            try:
                await self._list(namespace, changed, with_classes=is_first)
                self._listed.add(namespace)
            except KubeError as error:
                self._listed.discard(namespace)
                hint = NOT_INSTALLED if error.status == HTTPStatus.NOT_FOUND else ""
                logger.warning("listing failed: %s%s", error, hint)
                if is_first:
                    # What was listed before the failure is known now, and would not count as changed the next time.
                    self._queue_all(changed)
                    return False
        self._queue_all(self._store.all_cameras() if look_at_all else changed)
        self._last_success = time.monotonic()
        self._list_seconds = self._last_success - began
        return True

    def _queue_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._queue.add(key)

    async def _list(self, namespace: str, changed: set[Key], *, with_classes: bool) -> None:
        """List one namespace; add the cameras to reconcile to `changed`. Raises `KubeError`."""
        for kind in WATCHED:
            if kind.namespaced or with_classes:
                place = namespace if kind.namespaced else ""
                starts_watch = kind in BY_REFLECTOR and (kind, place) not in self._versions
                relist = Relist(self._store, kind, place, starts_watch=starts_watch)
                try:
                    version = await list_watched(self._kube, kind, place, relist)
                finally:
                    changed |= relist.affected
                self._report_missing(kind, is_missing=version is None)
                self._versions.setdefault((kind, place), version or "")

    def _report_missing(self, kind: Kind, *, is_missing: bool) -> None:
        """Log once that a definition is not installed, and once that it is again."""
        if is_missing and kind not in self._missing:
            self._missing.add(kind)
            logger.warning("%s is not installed, so there are no policies; %s", kind.name, INSTALL)
        elif not is_missing and kind in self._missing:
            self._missing.discard(kind)
            logger.info("%s is installed now", kind.name)
