"""Request frames from detectors while a camera has viewers in this process, and read its privacy masks."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import close_old_connections
from django.utils import timezone

from surveillance.selectors.cameras import masks_digests
from surveillance.services.detector_tasks import notice_number, notices_publish
from vigil_contracts.detector_tasks import TaskKind

logger = logging.getLogger(__name__)

RENEW_SECONDS = 2.0
LAPSE_SECONDS = 6.0
"""Detectors stop sending at most this long after the last viewer has left."""


def publish_demand(camera_ids: Iterable[int]) -> Mapping[int, str]:
    """Store the demand, in this thread; return the cameras' privacy masks (`masks_digest`)."""
    close_old_connections()
    try:
        now = timezone.now()
        notices_publish(
            kind=TaskKind.LIVE,
            camera_ids=camera_ids,
            expires_at=now + timedelta(seconds=LAPSE_SECONDS),
            number=notice_number(now),
        )
        return masks_digests(camera_ids)
    finally:
        close_old_connections()


class Demand:
    """Used by the event loop only; renews all demands in one statement every `RENEW_SECONDS`."""

    def __init__(self, publish: Callable[[Iterable[int]], Mapping[int, str]] = publish_demand) -> None:
        self._publish = publish
        self.on_masks: Callable[[Mapping[int, str]], None] = lambda _masks: None
        """Called every `RENEW_SECONDS` with the privacy masks of all cameras with viewers."""
        self._camera_ids: set[int] = set()
        self._wake = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="live-demand")
        self._task: asyncio.Task[None] | None = None

    def add(self, camera_id: int) -> None:
        """Add a viewer of the camera."""
        if camera_id in self._camera_ids:
            return
        self._camera_ids.add(camera_id)
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def drop(self, camera_id: int) -> None:
        """Remove the camera, which has no viewer left."""
        self._camera_ids.discard(camera_id)

    async def _run(self) -> None:
        while self._camera_ids:
            self._wake.clear()
            try:
                asked = set(self._camera_ids)
                masks = await asyncio.get_running_loop().run_in_executor(self._executor, self._publish, asked)
                self.on_masks(masks)
            except Exception as error:  # noqa: BLE001 viewers wait while the database is unavailable
                logger.warning("could not request live frames from detectors: %s; retrying", type(error).__name__)
            try:
                await asyncio.wait_for(self._wake.wait(), RENEW_SECONDS)
            except TimeoutError:
                continue
