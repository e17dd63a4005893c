"""Ask the API for the cameras' health and alert totals, and reconcile the cameras for which they have changed."""

import asyncio
import logging
import time
from collections.abc import Callable

from vigil_contracts.api_client import ApiError
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.reports import PageSource, fetch_reports
from vigil_operator.sync.trigger import ReconcileTrigger

logger = logging.getLogger(__name__)

PAUSES = 5
"""The pause after an answer in durations of the answer, which takes seconds with ten thousand cameras."""


class HealthPoller:
    """For one event loop."""

    def __init__(
        self,
        *,
        api: PageSource,
        directory: Directory,
        trigger: ReconcileTrigger,
        interval_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._directory = directory
        self._trigger = trigger
        self._interval_seconds = interval_seconds
        self._monotonic = monotonic
        self._request_seconds = 0.0

    async def run(self) -> None:
        """Ask forever."""
        while True:
            await asyncio.sleep(max(self._interval_seconds, self._request_seconds * PAUSES))
            if not self._directory.is_away:
                await self.poll_once()

    async def poll_once(self) -> None:
        """Ask once. A failure is logged; the last known health stays in force."""
        began = self._monotonic()
        try:
            reports = await fetch_reports(self._api)
        except (ApiError, ValueError) as error:
            logger.info(
                "could not fetch the cameras' health: %s; retrying in %.0f s",
                type(error).__name__,
                self._interval_seconds,
            )
            return
        self._request_seconds = self._monotonic() - began
        self._trigger.add_ids(self._directory.update_reports(reports))
