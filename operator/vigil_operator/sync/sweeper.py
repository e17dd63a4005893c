"""The API's rows of kubectl cameras: fetch them, and delete those whose resource no longer exists."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.resources import RegisteredResource
from vigil_operator.kube.store import Store
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.trigger import ReconcileTrigger

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
INTERVAL_WITH_ORPHANS_SECONDS = 5.0

ORPHAN_SECONDS = 10.0
"""How long a row must be without a resource before it is deleted: a watch may be a little behind."""


class RowSource(Protocol):
    """The part of the API client that this needs."""

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        """See `AsyncApiClient`."""

    async def unregister_resource(self, uid: str) -> None:
        """See `AsyncApiClient`."""


class Sweeper:
    """Handles the rows of one cluster's `namespaces`, and leaves those of others alone.

    `source_of` returns the API's name of a namespace. `is_listed` returns whether all its cameras are known: rows of
    a namespace that the operator cannot list are kept.
    `fence` is called before each deletion and may raise: only the leader deletes.
    """

    def __init__(
        self,
        *,
        api: RowSource,
        store: Store,
        directory: Directory,
        trigger: ReconcileTrigger,
        namespaces: Sequence[str],
        source_of: Callable[[str], str],
        is_listed: Callable[[str], bool] = lambda _: True,
        fence: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._trigger = trigger
        self._namespaces = namespaces
        self._source_of = source_of
        self._is_listed = is_listed
        self._fence = fence
        self._monotonic = monotonic
        self._fetched_at: float | None = None
        self._orphans: dict[str, float] = {}
        """When each row was first seen without a resource."""
        self._complaint = ""

    async def run_if_due(self, *, have_cameras_changed: bool) -> None:
        """Fetch the rows if the API's cameras have changed or the interval has passed. A failure is retried."""
        if not have_cameras_changed and not self._is_interval_over():
            return
        self._fetched_at = None
        try:
            await self._run()
        except (ApiError, ValueError) as error:
            # A ValueError may quote the answer, which holds names that users have chosen.
            problem = str(error) if isinstance(error, ApiError) else type(error).__name__
            if self._complaint != problem:
                logger.warning("could not fetch or delete the rows of kubectl cameras: %s; retrying", problem)
                self._complaint = problem
        else:
            self._complaint = ""

    def _is_interval_over(self) -> bool:
        interval = INTERVAL_WITH_ORPHANS_SECONDS if self._orphans else INTERVAL_SECONDS
        return self._fetched_at is None or self._monotonic() - self._fetched_at >= interval

    async def _run(self) -> None:
        now = self._monotonic()
        rows: list[RegisteredResource] = []
        kept: set[str] = set()
        for namespace in self._namespaces:
            found = await self._api.registered_resources(self._source_of(namespace))
            rows += found
            kept |= set() if self._is_listed(namespace) else {row.uid for row in found}
        self._trigger.add_uids(self._directory.update_rows(rows))
        orphans = self._long_orphaned([row for row in rows if row.uid not in kept], now)
        for uid in orphans:
            self._fence()
            await self._api.unregister_resource(uid)
            self._orphans.pop(uid)
            logger.warning("released a row of the API: its Camera resource %s no longer exists", uid)
        self._fetched_at = now
        if orphans:
            # The API may have refused a new resource because a deleted row had its name.
            self._trigger.add_uids(self._without_row(rows))

    def _without_row(self, rows: Iterable[RegisteredResource]) -> set[str]:
        known = {row.uid for row in rows}
        ours = {camera.meta.uid for camera in self._store.cameras.values() if not camera.managed_by_backend}
        return ours - known

    def _long_orphaned(self, rows: Iterable[RegisteredResource], now: float) -> list[str]:
        present = {camera.meta.uid for camera in self._store.cameras.values()}
        orphans = [row.uid for row in rows if row.uid not in present]
        self._orphans = {uid: self._orphans.get(uid, now) for uid in orphans}
        return [uid for uid, since in self._orphans.items() if now - since >= ORPHAN_SECONDS]
