"""Tells the API how each camera is: every ten seconds, and at once when something changes."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from cctv.logs import camera_logger
from vigil_contracts.api_client import ApiError
from vigil_contracts.health import Heartbeat

log = logging.getLogger("cctv")

Report = Callable[[int, Heartbeat], None]
Reporters = Callable[[], Mapping[int, Callable[[], Heartbeat]]]


class Heart:
    """A thread that sends the heartbeats of all cameras of the process.

    `reporters` gives, for each camera of the moment, what makes its heartbeat; `send` raises `ApiError`; `answered`
    is called whenever the API took one.
    """

    def __init__(
        self, reporters: Reporters, send: Report, interval_seconds: float, answered: Callable[[], None] = lambda: None
    ) -> None:
        self._reporters, self._send, self._interval, self._answered = reporters, send, interval_seconds, answered
        self._changed = threading.Event()
        self._stopping = False
        self._due: dict[int, float] = {}
        self._at_once: set[int] = set()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def change(self, camera_id: int) -> None:
        """The camera's state has changed: report it now. From any thread."""
        self._at_once.add(camera_id)
        self._changed.set()

    def stop(self, timeout_seconds: float) -> None:
        """Ends."""
        self._stopping = True
        self._changed.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping:
            self._changed.wait(self._pause_seconds())
            self._changed.clear()
            if not self._stopping:
                self._round()

    def _pause_seconds(self) -> float:
        nearest = min(self._due.values(), default=time.monotonic() + 1.0)
        return min(1.0, max(0.0, nearest - time.monotonic()))

    def _round(self) -> None:
        reporters = self._reporters()
        self._due = {camera_id: due for camera_id, due in self._due.items() if camera_id in reporters}
        for camera_id, report in reporters.items():
            now = time.monotonic()
            if self._due.get(camera_id, 0.0) > now and camera_id not in self._at_once:
                continue
            self._at_once.discard(camera_id)
            self._due[camera_id] = now + self._interval
            if not self._beat(camera_id, report):
                # Nobody answers: the others need not wait for the same time-out one by one.
                self._due = dict.fromkeys(reporters, time.monotonic() + self._interval / 2)
                return

    def _beat(self, camera_id: int, report: Callable[[], Heartbeat]) -> bool:
        """Whether the API can be reached."""
        try:
            self._send(camera_id, report())
        except ApiError as error:
            if not self._failing:
                camera_logger(camera_id).warning("health cannot be reported: %s", error)
            self._failing = True
            return error.status is not None
        except Exception:  # noqa: BLE001 - one camera's report must not end those of the others
            camera_logger(camera_id).exception("health cannot be reported")
            return True
        self._failing = False
        self._answered()
        return True
