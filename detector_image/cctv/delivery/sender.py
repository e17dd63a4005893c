"""Deliver spooled alerts to the API: in order for each camera, several cameras in parallel, retrying until done."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cctv.delivery.spool import DamagedAlertError, Entry, Spool, Submission
from cctv.logs import camera_logger
from cctv.metrics import Metrics
from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ApiError
from vigil_contracts.backoff import Backoff

log = logging.getLogger("cctv")

_WORKERS = 4
_LONGEST_PAUSE_SECONDS = 15.0
"""Longest pause between two attempts: after an outage, waiting alerts must not be delayed for long."""

Post = Callable[[Submission, bytes], bool]
"""Send an alert with its JPEG (empty: none), or its image or clip; return whether it was new. Raises `ApiError`."""


class _Route:
    """Delivery state of one camera."""

    def __init__(self) -> None:
        self.busy = False
        self.due = 0.0
        self.backoff = Backoff(0.5, _LONGEST_PAUSE_SECONDS)
        self.failing = False


class Sender:
    """Threads that empty a spool with `post`, which returns whether the alert was new and raises `ApiError`."""

    def __init__(self, spool: Spool, post: Post, metrics: Metrics, workers: int = _WORKERS) -> None:
        self._spool, self._post, self._metrics = spool, post, metrics
        self._wake = threading.Condition()
        self._routes: dict[int, _Route] = {}
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"sender-{n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Start the threads, beginning with the alerts of an earlier process."""
        for thread in self._threads:
            thread.start()

    def notify(self) -> None:
        """Wake the threads because an alert was spooled."""
        with self._wake:
            self._wake.notify()

    def api_is_back(self) -> None:
        """Retry at once because the API is reachable again."""
        with self._wake:
            for route in self._routes.values():
                if route.failing:
                    route.due = 0.0
            self._wake.notify_all()

    def stop(self, timeout_seconds: float) -> None:
        """Send what can be sent immediately, then stop; the rest stays in the spool."""
        deadline = time.monotonic() + timeout_seconds
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while True:
            taken = self._take()
            if taken is None:
                return
            entry, route = taken
            pause: float | None = _LONGEST_PAUSE_SECONDS
            try:
                pause = self._send(entry, route)
            except Exception:  # noqa: BLE001 - one faulty alert must not block those of the other cameras
                camera_logger(entry.camera_id).exception("could not send an alert")
            with self._wake:
                route.busy = False
                route.failing = pause is not None
                route.due = time.monotonic() + pause if pause is not None else 0.0
                self._wake.notify()

    def _take(self) -> tuple[Entry, _Route] | None:
        """Return the next alert and mark its route as busy; None when the sender is stopping."""
        with self._wake:
            while True:
                now = time.monotonic()
                nearest: float | None = None
                for camera_id in self._spool.cameras():
                    route = self._routes.setdefault(camera_id, _Route())
                    if route.busy or (self._stopping and route.failing):
                        continue
                    if route.due > now:
                        nearest = min(nearest or route.due, route.due)
                        continue
                    entry = self._spool.head(camera_id)
                    if entry is not None:
                        route.busy = True
                        return entry, route
                if self._stopping:
                    return None
                self._wake.wait(None if nearest is None else nearest - now)

    def _send(self, entry: Entry, route: _Route) -> float | None:
        """Send one entry; return the seconds to wait before this camera's next attempt, or None for no wait."""
        try:
            submission, content = self._spool.read(entry)
        except DamagedAlertError as error:
            self._bury(entry, f"damaged on disk: {error}")
            return None
        try:
            self._post(submission, content)
        except ApiError as error:
            if error.is_permanent:
                self._bury(entry, str(error))
                return None
            if not route.failing:
                camera_logger(entry.camera_id).warning("could not deliver alerts: %s; they stay on disk", error)
            return route.backoff.next_seconds(error.retry_after_seconds or 0.0)
        self._spool.done(entry)
        route.backoff.reset()
        if route.failing:
            camera_logger(entry.camera_id).info("alert delivery has recovered")
            self.api_is_back()
        if isinstance(submission, AlertSubmission):
            seconds = (datetime.now(UTC) - submission.timestamp).total_seconds()
            self._metrics.delivery.labels(str(entry.camera_id)).observe(max(0.0, seconds))
        return None

    def _bury(self, entry: Entry, reason: str) -> None:
        self._spool.bury(entry, reason)
        self._metrics.dead_letters.labels(str(entry.camera_id)).inc()
        camera_logger(entry.camera_id).error(
            "an event's %s that can never be delivered was put aside: %s", entry.kind, reason
        )
