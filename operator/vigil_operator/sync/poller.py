"""Poll the API for its active cameras every few seconds, and let everything that depends on the answer run.

If nothing has changed, the API answers 304 and the operator does nothing; otherwise it sends what has changed. While
the API is unreachable, detectors keep running.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from vigil_contracts.api_client import ActiveCameras, ApiError, Fetched
from vigil_contracts.backoff import Backoff
from vigil_operator.logs import about_camera
from vigil_operator.sync.answer_budget import AnswerBudget
from vigil_operator.sync.availability import ApiAvailability
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.releaser import Releaser
from vigil_operator.sync.resource_sync import ResourceSync
from vigil_operator.sync.sweeper import Sweeper
from vigil_operator.sync.trigger import ReconcileTrigger

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 15.0
"""The API is polled at least this often, however long it has been unreachable."""

WHOLE_LIST_SECONDS = 600.0
"""The whole list is fetched at least this often, changed or not. It differs from its changes where no camera has
changed: for example, an upgrade of the API may state the same camera in other words."""


class CameraSource(Protocol):
    """The part of the API client that this needs."""

    async def active_cameras(self, etag: str = "") -> Fetched[ActiveCameras]:
        """See `AsyncApiClient`."""


class Poller:
    """The loop of the sync. For one event loop."""

    def __init__(
        self,
        *,
        api: CameraSource,
        directory: Directory,
        trigger: ReconcileTrigger,
        availability: ApiAvailability,
        resources: ResourceSync,
        releaser: Releaser,
        sweeper: Sweeper,
        interval_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._directory = directory
        self._trigger = trigger
        self._availability = availability
        self._resources = resources
        self._releaser = releaser
        self._sweeper = sweeper
        self._interval_seconds = interval_seconds
        self._monotonic = monotonic
        self._budget = AnswerBudget(monotonic)
        self._backoff = Backoff(2 * interval_seconds, MAX_PAUSE_SECONDS)
        self._etag = ""
        self._whole_at = monotonic()
        self._pause_seconds = interval_seconds
        self._ended_at = monotonic()

    @property
    def last_progress(self) -> float:
        """When the loop last completed a step (`monotonic`)."""
        return max(self._ended_at, self._resources.last_progress)

    async def run(self) -> None:
        """Poll forever."""
        while True:
            await self.poll_once()
            self._ended_at = self._monotonic()
            await asyncio.sleep(min(MAX_PAUSE_SECONDS, self._pause_seconds))

    async def poll_once(self) -> None:
        """Ask the API once and let everything that depends on the answer run."""
        began = self._monotonic()
        etag = self._etag if began - self._whole_at < WHOLE_LIST_SECONDS else ""
        try:
            fetched = await self._api.active_cameras(etag)
        except (ApiError, ValueError) as error:
            self._availability.record_failure(error)
            self._budget.spend(self._monotonic() - began)
            self._pause_seconds = max(self._backoff.next_seconds(), self._budget.pause_seconds())
            return
        self._backoff.reset()
        self._budget.spend(self._monotonic() - began)
        self._pause_seconds = max(self._interval_seconds, self._budget.pause_seconds())
        self._availability.record_success()
        if fetched.value is not None:
            self._update(fetched.value)
            self._etag = fetched.etag
            self._whole_at = self._whole_at if etag else began
        await self._resources.run_if_due()
        await self._releaser.run_if_due(have_cameras_changed=fetched.value is not None)
        # This answer takes a while with thousands of cameras, so it comes after what users wait for.
        await self._sweeper.run_if_due(have_cameras_changed=fetched.value is not None)

    def _update(self, answer: ActiveCameras) -> None:
        for camera_id in sorted(answer.unreadable - self._directory.unreadable):
            with about_camera(f"cam-{camera_id}"):
                logger.error(
                    "could not read the camera's configuration: it needs a newer version of the operator; "
                    "what runs for it keeps running"
                )
        changed = self._directory.update(answer)
        self._resources.cameras_changed()
        self._trigger.add_ids(changed)
