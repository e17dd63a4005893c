"""The events of one camera on their way to alerts: listen while the settings ask for it, and wait for a picture."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.common.jpeg import render_jpeg
from cctv.onvif.client import address_of_stream
from cctv.onvif.listener import EventListener, ReportedEvent
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.camera_events import ALERT_TYPE_OF_EVENT, CameraEventKind
from vigil_contracts.detection import Detection
from vigil_contracts.schedule import is_armed

PICTURE_SECONDS = 1.5
"""An alert waits this long for a frame that is newer than its event."""
_OLDEST_PICTURE_SECONDS = 15.0
"""Cameras send a keyframe at least this often; an older frame belongs to a stream that has stopped."""


class CameraEvents:
    """Call `apply`, `take` and `stop` from one thread each; events arrive in a thread of their own."""

    def __init__(self, camera_id: int, options: GateOptions, on_fault: Callable[[StreamFault | None], None]) -> None:
        self._camera_id, self._options, self._on_fault = camera_id, options, on_fault
        self._lock = threading.Lock()
        self._waiting: list[ReportedEvent] = []
        self._listener: EventListener | None = None
        self._detection = Detection()
        self._asked: object = None
        self._wanted_until = 0.0

    @property
    def has_motion(self) -> bool:
        """Return whether the camera reports motion now."""
        listener = self._listener
        return listener is not None and listener.has_motion

    @property
    def wants_frames(self) -> bool:
        """Return whether an event waits for a picture of its moment."""
        return time.monotonic() < self._wanted_until

    def apply(self, camera: CameraConfiguration) -> None:
        """Begin, change or end listening."""
        self._detection = camera.detection
        url = camera.rtsp_url.get_secret_value()
        address = address_of_stream(url, camera.detection.onvif_port)
        asked = address if camera.detection.uses_camera_events else None
        if asked == self._asked:
            return
        self._end(0.0)
        self._asked = asked
        if asked is not None:
            self._listener = EventListener(
                self._camera_id, asked, self._options, self._receive, lambda fault: self._on_fault(fault)
            )
            self._listener.start()
        else:
            self._on_fault(None)

    def stop(self, timeout_seconds: float) -> None:
        """Stop listening; events that wait can still be taken."""
        self._end(timeout_seconds)

    def take(self, newest: Frame | None, *, is_last: bool = False) -> list[tuple[Event, float]]:
        """Return the events that are due, with `newest` as their picture and their times on the monotonic clock."""
        now = time.monotonic()
        with self._lock:
            due = [one for one in self._waiting if is_last or _is_due(one, newest, now)]
            self._waiting = [one for one in self._waiting if one not in due]
        if not due:
            return []
        jpeg = b""
        if newest is not None and now - newest.monotonic_seconds <= _OLDEST_PICTURE_SECONDS:
            jpeg = render_jpeg(newest, None, "")
        return [(event_of(one, jpeg), one.received_at) for one in due]

    def _receive(self, event: ReportedEvent) -> None:
        if not is_wanted(event.kind, self._detection, datetime.now(UTC)):
            return
        self._wanted_until = time.monotonic() + PICTURE_SECONDS
        with self._lock:
            self._waiting.append(event)

    def _end(self, timeout_seconds: float) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop(timeout_seconds)


def _is_due(event: ReportedEvent, newest: Frame | None, now: float) -> bool:
    return now - event.received_at >= PICTURE_SECONDS or (
        newest is not None and newest.monotonic_seconds >= event.received_at
    )


def is_wanted(kind: CameraEventKind, detection: Detection, now: datetime) -> bool:
    """Return whether the settings ask for an alert; tampering does not depend on the schedule."""
    if detection.camera_events and kind not in detection.camera_events:
        return False
    return kind is CameraEventKind.TAMPER or is_armed(detection.schedule, now)


def event_of(reported: ReportedEvent, jpeg: bytes) -> Event:
    """Return the alert of a camera's event. Cameras state no confidence."""
    return Event(
        event_id=reported.event_id,
        alert_type=ALERT_TYPE_OF_EVENT[reported.kind],
        label=reported.kind.value.replace("_", " "),
        confidence=1.0,
        timestamp=reported.happened_at,
        box=None,
        track="",
        description=reported.description,
        snapshot_jpeg=jpeg,
    )
