"""Report the state of each camera to the API: every ten seconds, and immediately on a change."""

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
    """Send the heartbeats of all cameras of the process in one thread.

    `reporters` returns, for each current camera, a function that builds its heartbeat. `send` raises `ApiError`.
    `answered` is called after every successful request.
    """

    def __init__(
        self,
        reporters: Reporters,
        send: Report,
        interval_seconds: float,
        on_answer: Callable[[], None] = lambda: None,
    ) -> None:
        self._reporters, self._send, self._interval, self._on_answer = reporters, send, interval_seconds, on_answer
        self._changed = threading.Event()
        self._stopping = False
        self._due: dict[int, float] = {}
        self._at_once: set[int] = set()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def change(self, camera_id: int) -> None:
        """Report the camera now because its state has changed; callable from any thread."""
        self._at_once.add(camera_id)
        self._changed.set()

    def stop(self, timeout_seconds: float) -> None:
        """Stop the thread."""
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
                # The API is unreachable: do not let every other camera wait for the same time-out in turn.
                self._due = dict.fromkeys(reporters, time.monotonic() + self._interval / 2)
                return

    def _beat(self, camera_id: int, report: Callable[[], Heartbeat]) -> bool:
        """Send one heartbeat; return whether the API was reachable."""
        try:
            self._send(camera_id, report())
        except ApiError as error:
            if not self._failing:
                camera_logger(camera_id).warning("could not send the heartbeat: %s", error)
            self._failing = True
            return error.status is not None
        except Exception:  # noqa: BLE001 - a failing report must not stop those of the other cameras
            camera_logger(camera_id).exception("could not send the heartbeat")
            return True
        self._failing = False
        self._on_answer()
        return True
