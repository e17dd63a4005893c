"""The rows of kubectl's cameras: which there are, and those whose resource is gone, which are removed."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from vigil_contracts.resources import RegisteredResource
from vigil_operator.kube.store import Store
from vigil_operator.sync.directory import Directory

logger = logging.getLogger(__name__)

ASK_ANYWAY_SECONDS = 60.0
ORPHAN_SECONDS = 10.0
"""A row without a resource must be so for this long: a watch may be a little behind."""

ASK_ABOUT_ORPHANS_SECONDS = 5.0


class RowSource(Protocol):
    """The part of the API client that this needs."""

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        """See `AsyncApiClient`."""

    async def unregister_resource(self, uid: str) -> None:
        """See `AsyncApiClient`."""


class Sweeper:
    """Asks for the rows of one cluster and namespace, `source`; those of other clusters are none of its business."""

    def __init__(
        self,
        *,
        api: RowSource,
        store: Store,
        directory: Directory,
        source: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._source = source
        self._monotonic = monotonic
        self._asked: float | None = None
        self._orphans: dict[str, float] = {}

    async def round(self, *, is_due: bool, fence: Callable[[], None]) -> set[str]:
        """Asks where that is due; the uids of cameras that are to be looked at for it. Raises `ApiError`."""
        now = self._monotonic()
        pause = ASK_ABOUT_ORPHANS_SECONDS if self._orphans else ASK_ANYWAY_SECONDS
        if not is_due and self._asked is not None and now - self._asked < pause:
            return set()
        self._asked = None
        rows = await self._api.registered_resources(self._source)
        changed = self._directory.update_rows(rows)
        removed = self._long_orphaned(rows, now)
        for uid in removed:
            fence()
            await self._api.unregister_resource(uid)
            self._orphans.pop(uid)
            logger.warning("a row of the API was removed: the resource %s that it stood for is gone", uid)
        self._asked = now
        # A removed row's name is free again, which a new resource of that name may have been refused.
        return changed | self._without_row(rows) if removed else changed

    def _without_row(self, rows: Iterable[RegisteredResource]) -> set[str]:
        known = {row.uid for row in rows}
        ours = {camera.meta.uid for camera in self._store.cameras.values() if not camera.managed_by_backend}
        return ours - known

    def _long_orphaned(self, rows: Iterable[RegisteredResource], now: float) -> list[str]:
        present = {camera.meta.uid for camera in self._store.cameras.values()}
        orphans = [row.uid for row in rows if row.uid not in present]
        self._orphans = {uid: self._orphans.get(uid, now) for uid in orphans}
        return [uid for uid, since in self._orphans.items() if now - since >= ORPHAN_SECONDS]
