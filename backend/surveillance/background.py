"""Background threads of each gunicorn worker. Their work may run in several processes at once."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from surveillance.services.detector_tasks import tasks_delete_old, tasks_expire
from surveillance.services.housekeeping import housekeeping_turn
from surveillance.services.offline import offline_alerts_update

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 5.0
HOUSEKEEPING_PERIOD_SECONDS = 60.0
SELDOM_SECONDS = 60.0
SETTLING_SECONDS = 45.0
"""After a start or a database failure, detectors have this long to report before they count as silent."""


class Background(threading.Thread):
    """Calls `work` periodically until `stop`."""

    def __init__(
        self,
        work: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
        *,
        period_seconds: float = PERIOD_SECONDS,
        name: str = "background",
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._period_seconds = period_seconds
        self._clock = clock
        self._settled_at = clock() + SETTLING_SECONDS
        self._stopping = threading.Event()

    def run(self) -> None:
        """Run the loop."""
        while not self._stopping.wait(self._period_seconds):
            self.turn()

    def turn(self) -> None:
        """Run once. An error is logged and restarts the grace period for silent detectors."""
        if self._clock() < self._settled_at:
            return
        try:
            close_old_connections()
            self._work()
        except Exception as error:  # noqa: BLE001 the thread must survive every error
            logger.warning("background task %s failed: %s; retrying", self.name, type(error).__name__)
            self._settled_at = self._clock() + SETTLING_SECONDS
        finally:
            close_old_connections()

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()


class Seldom:
    """Calls `work` at most once in `seconds`: for what a frequent turn need not do each time."""

    def __init__(
        self, work: Callable[[], object], seconds: float = SELDOM_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work, self._seconds, self._clock = work, seconds, clock
        self._done_at = float("-inf")

    def __call__(self) -> None:
        """Call `work` if it is due. It stays due if it fails."""
        now = self._clock()
        if now - self._done_at >= self._seconds:
            self._work()
            self._done_at = now


def start() -> list[Background]:
    """Start this process's threads. Housekeeping has its own thread, since a sweep may take minutes."""
    delete_old_tasks = Seldom(lambda: tasks_delete_old(now=timezone.now()))

    def quick() -> None:
        offline_alerts_update(now=timezone.now())
        tasks_expire(now=timezone.now())
        delete_old_tasks()

    threads = [Background(quick)]
    if settings.VIGIL_HOUSEKEEPING:
        work = partial(housekeeping_turn, clock=timezone.now)
        threads.append(Background(work, period_seconds=HOUSEKEEPING_PERIOD_SECONDS, name="housekeeping"))
    for thread in threads:
        thread.start()
    return threads
