"""Hand cameras over: tell the API which cameras have left this cluster with all their objects.

The API gives a camera that has moved to its new cluster only then, so that two detectors never watch one camera. The
API names the cameras that it waits for; what is stated is what the store shows, so a restart loses nothing.
"""

import logging
import time
from collections.abc import Callable, Collection
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_operator.core.names import camera_resource_name
from vigil_operator.core.observed import Key
from vigil_operator.kube.store import Store

logger = logging.getLogger(__name__)

STUCK_SECONDS = 90.0
"""A pod on a node that has failed is never reported as gone. After this time its camera is released nevertheless:
the token of its detector ends then."""


class ReleaseTaker(Protocol):
    """The part of the API client that this needs."""

    async def release_cameras(self, released: Collection[int]) -> tuple[int, ...]:
        """See `AsyncApiClient`."""


class ActiveIds(Protocol):
    """Which cameras the API's last answer gave to this cluster; see `Directory`."""

    def has(self, camera_id: int) -> bool:
        """Return whether the camera is this cluster's."""


class Releaser:
    """For one event loop. `fence` is called before each statement and may raise: only the leader hands over."""

    def __init__(
        self,
        *,
        api: ReleaseTaker,
        store: Store,
        directory: ActiveIds,
        namespace: str,
        fence: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._store = store
        self._directory = directory
        self._namespace = namespace
        self._fence = fence
        self._monotonic = monotonic
        self._pending: dict[int, float] = {}
        """The cameras that the API waits for, and since when."""
        self._is_due = False
        self._complaint = ""

    async def run_if_due(self, *, have_cameras_changed: bool) -> None:
        """State what is released if the API's cameras have changed or it waits for any. A failure is retried."""
        self._is_due = self._is_due or have_cameras_changed
        if not self._is_due and not self._pending:
            return
        try:
            self._fence()
            released = self._released()
            pending = await self._api.release_cameras(released)
        except (ApiError, ValueError) as error:
            self._record_failure(error)
            return
        self._is_due, self._complaint = False, ""
        for camera_id in released:
            logger.info("released camera %d: it is inactive, or watched by another cluster", camera_id)
        now = self._monotonic()
        self._pending = {camera_id: self._pending.get(camera_id, now) for camera_id in pending}

    def _record_failure(self, error: ApiError | ValueError) -> None:
        if isinstance(error, ApiError) and error.status == 404:
            # An API of the previous version, which knows no clusters.
            self._is_due = False
            self._pending.clear()
            return
        problem = str(error) if isinstance(error, ApiError) else type(error).__name__
        if self._complaint != problem:
            logger.warning("could not hand cameras over: %s; retrying", problem)
            self._complaint = problem

    def _released(self) -> list[int]:
        if not self._pending:
            return []
        present = {camera.camera_id for camera in self._store.cameras.values() if camera.managed_by_backend}
        now = self._monotonic()
        return [
            camera_id
            for camera_id, since in self._pending.items()
            if not self._directory.has(camera_id)
            and camera_id not in present
            and (not self._has_objects(camera_id) or now - since >= STUCK_SECONDS)
        ]

    def _has_objects(self, camera_id: int) -> bool:
        """Return whether a detector of the camera may still run, under either of the names it may have had."""
        name = camera_resource_name(camera_id)
        for key in (Key(self._namespace, name), Key(self._namespace, camera_resource_name(camera_id, {name}))):
            if key in self._store.cameras:  # a camera of this name that was created with kubectl
                continue
            children = self._store.children(key)
            if children.pods or children.deployment is not None:
                return True
        return False
