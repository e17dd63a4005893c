"""Report the Camera resources and the classes to the API, for users who have no `kubectl`.

Only changes are sent, many cameras in one request, and nothing waits for the answer. What was sent is kept in memory
only: a new process sends everything once, and the API writes only what has changed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Protocol, TypeVar

from vigil_contracts.api_client import ApiError
from vigil_contracts.backoff import Backoff
from vigil_contracts.resources import STATES_AT_ONCE, ReportedClass, ResourceStates
from vigil_operator.core.observed import Key
from vigil_operator.core.state_report import classes_of, refused_state, state_of
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
    """Whether the API responds; see `Directory`."""

    is_away: bool


class Reporter:
    """For one event loop."""

    def __init__(
        self,
        *,
        api: StateKeeper,
        store: Store,
        directory: ApiState,
        source_of: Callable[[str], str],
        namespace: str,
        refused: Callable[[], Mapping[str, str]] = dict,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._source_of = source_of
        self._namespace = namespace
        """The source of reports about the whole cluster, and about cameras of the API."""
        self._refused = refused
        self._reported_refusals: dict[str, str] = {}
        self._fence = fence
        self._seen_versions: dict[Key, str] = {}
        """The resource version of each camera at the last report."""
        self._reported: dict[Key, tuple[int, int]] = {}
        """For each camera, its id and a digest of the last report."""
        self._classes: tuple[ReportedClass, ...] = ()
        self._changes = -1
        self._pause_seconds = PAUSE_SECONDS
        self._backoff = Backoff(2 * PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        self._complaint = ""

    async def run(self) -> None:
        """Report forever."""
        while True:
            await asyncio.sleep(self._pause_seconds)
            await self.report_once()

    async def report_once(self) -> None:
        """Send what has changed."""
        if self._directory.is_away:
            # It may come back with older data.
            self._seen_versions.clear()
            self._reported.clear()
            self._classes = ()
            self._reported_refusals = {}
            self._changes = -1
            return
        changes, classes = self._store.camera_changes, classes_of(self._store.class_map())
        refused = dict(self._refused())
        if changes == self._changes and classes == self._classes and refused == self._reported_refusals:
            return
        try:
            if classes != self._classes:
                await self._send(ResourceStates(source=self._source_of(self._namespace), classes=classes))
                self._classes = classes
            await self._report_refused(refused)
            await self._report_deleted()
            await self._report_changed()
        except ApiError as error:
            self._pause_seconds = self._backoff.next_seconds()
            if self._complaint != str(error):
                logger.warning("could not report the state of the resources to the API: %s; retrying", error)
                self._complaint = str(error)
            return
        self._changes = changes
        self._backoff.reset()
        self._pause_seconds, self._complaint = PAUSE_SECONDS, ""

    async def _report_refused(self, refused: Mapping[str, str]) -> None:
        """Report the cameras without a resource. One that gets a resource is reported with the state of that."""
        news = [
            refused_state(name, text) for name, text in refused.items() if self._reported_refusals.get(name) != text
        ]
        states = [state for state in news if state is not None]
        for start in range(0, len(states), STATES_AT_ONCE):
            some = tuple(states[start : start + STATES_AT_ONCE])
            await self._send(ResourceStates(source=self._source_of(self._namespace), states=some))
        self._reported_refusals = dict(refused)

    async def _report_deleted(self) -> None:
        present = {camera.camera_id for camera in self._store.cameras.values()}
        gone = [key for key in self._reported if key not in self._store.cameras]
        for keys in _batched(gone, lambda key: key.namespace):
            if ids := {self._reported[key][0] for key in keys} - present:
                source = self._source_of(keys[0].namespace)
                await self._send(ResourceStates(source=source, gone=tuple(sorted(ids))))
            for key in keys:
                self._reported.pop(key)
                self._seen_versions.pop(key, None)

    async def _report_changed(self) -> None:
        cameras = [
            camera
            for key, camera in self._store.cameras.items()
            if self._seen_versions.get(key) != camera.meta.resource_version
        ]
        for some in _batched(cameras, lambda camera: camera.key.namespace):
            states = {camera.key: state for camera in some if (state := state_of(camera)) is not None}
            digests = {key: (state.camera, hash(state)) for key, state in states.items()}
            news = tuple(state for key, state in states.items() if self._reported.get(key) != digests[key])
            if news:
                source = self._source_of(some[0].key.namespace)
                await self._send(ResourceStates(source=source, states=news))
            self._reported |= digests
            self._seen_versions |= {camera.key: camera.meta.resource_version for camera in some}

    async def _send(self, states: ResourceStates) -> None:
        self._fence()
        await self._api.report_resources(states)


def _batched(items: Iterable[T], namespace_of: Callable[[T], str]) -> Iterator[list[T]]:
    """Split into batches of one namespace each and of the size that the API accepts."""
    for _, of_one in groupby(sorted(items, key=namespace_of), key=namespace_of):
        while some := list(islice(of_one, STATES_AT_ONCE)):
            yield some
