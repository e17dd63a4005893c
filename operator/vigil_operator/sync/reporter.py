"""Camera resources → API: how each is, for people who look at the dashboard and have no `kubectl`.

Only what has changed is told, many cameras in one request, beside the work and never before it: nothing waits for an
answer from here. What was told is remembered in memory alone; a new process tells everything once, and the API writes
only what is new to it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

from vigil_contracts.api_client import ApiError
from vigil_contracts.backoff import Backoff
from vigil_contracts.resources import STATES_AT_ONCE, ResourceStates
from vigil_operator.core.observed import Key
from vigil_operator.core.state_report import state_of
from vigil_operator.kube.store import Store

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAUSE_SECONDS = 4.0
MAX_PAUSE_SECONDS = 64.0
"""An API of the previous version lacks this endpoint; it is tried this often."""


class StateKeeper(Protocol):
    """The part of the API client that this needs."""

    async def report_resources(self, states: ResourceStates) -> None:
        """See `AsyncApiClient`."""


class ApiState(Protocol):
    """Whether the API answers."""

    is_away: bool


class Reporter:
    """For one event loop."""

    def __init__(
        self,
        *,
        api: StateKeeper,
        store: Store,
        directory: ApiState,
        source: str,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._source = source
        self._fence = fence
        self._looked_at: dict[Key, str] = {}
        """The resource version of each camera that was looked at last."""
        self._told: dict[Key, tuple[int, int]] = {}
        """The id and a digest of what was told of each camera."""
        self._changes = -1
        self._pause_seconds = PAUSE_SECONDS
        self._backoff = Backoff(2 * PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        self._complaint = ""

    async def run(self) -> None:
        """Never returns."""
        while True:
            await asyncio.sleep(self._pause_seconds)
            await self.round()

    async def round(self) -> None:
        """Tells what has changed."""
        if self._directory.is_away:
            # It may come back with what it knew yesterday.
            self._looked_at.clear()
            self._told.clear()
            self._changes = -1
            return
        changes = self._store.camera_changes
        if changes == self._changes:
            return
        try:
            await self._tell_gone()
            await self._tell_changed()
        except ApiError as error:
            self._pause_seconds = self._backoff.next_seconds()
            if self._complaint != str(error):
                logger.warning("the API was not told how the resources are: %s; tried again until it is", error)
                self._complaint = str(error)
            return
        self._changes = changes
        self._backoff.reset()
        self._pause_seconds, self._complaint = PAUSE_SECONDS, ""

    async def _tell_gone(self) -> None:
        present = {camera.camera_id for camera in self._store.cameras.values()}
        gone = [key for key in self._told if key not in self._store.cameras]
        for keys in _batched(gone):
            if ids := {self._told[key][0] for key in keys} - present:
                await self._send(ResourceStates(source=self._source, gone=tuple(sorted(ids))))
            for key in keys:
                self._told.pop(key)
                self._looked_at.pop(key, None)

    async def _tell_changed(self) -> None:
        cameras = [
            camera
            for key, camera in self._store.cameras.items()
            if self._looked_at.get(key) != camera.meta.resource_version
        ]
        for some in _batched(cameras):
            states = {camera.key: state for camera in some if (state := state_of(camera)) is not None}
            digests = {key: (state.camera, hash(state)) for key, state in states.items()}
            news = tuple(state for key, state in states.items() if self._told.get(key) != digests[key])
            if news:
                await self._send(ResourceStates(source=self._source, states=news))
            self._told |= digests
            self._looked_at |= {camera.key: camera.meta.resource_version for camera in some}

    async def _send(self, states: ResourceStates) -> None:
        self._fence()
        await self._api.report_resources(states)


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    """As many at once as the API takes."""
    rest = iter(items)
    while some := list(islice(rest, STATES_AT_ONCE)):
        yield some
