"""Receive one camera's events from a pull-point (ONVIF Core, section 9.2); reconnect and subscribe again."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cctv.common.events import new_event_id
from cctv.logs import camera_logger
from cctv.onvif import device_messages as messages
from cctv.onvif.client import DeviceAddress, OnvifClient
from cctv.onvif.event_states import CameraEvent, EventStates
from cctv.onvif.notifications import PullPoint, read_notifications, read_pull_point
from cctv.onvif.soap import SoapFaultError
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.backoff import Backoff
from vigil_contracts.camera_events import CameraEventKind as Kind
from vigil_contracts.names import Reason

POLL_SECONDS = 5
"""How long a device holds its answer back while nothing happens; an event is answered at once."""
_LIFE_SECONDS, _RENEW_AFTER_SECONDS = 60, 20.0
_LEAST_SECONDS = 0.25
"""A device that answers an empty poll sooner does not hold its answers back; it is asked this often at most."""
_BELIEVED_DELAY = timedelta(seconds=60)
"""A message whose time is further from its arrival does not have the time of the device's clock."""
_TEXTS = {
    Kind.MOTION: "The camera reports motion",
    Kind.LINE_CROSSING: "The camera reports that a line was crossed",
    Kind.INTRUSION: "The camera reports an object in a restricted area",
    Kind.LOITERING: "The camera reports loitering",
    Kind.PERSON: "The camera reports a person",
    Kind.VEHICLE: "The camera reports a vehicle",
    Kind.ANIMAL: "The camera reports an animal",
    Kind.TAMPER: "The camera reports tampering",
    Kind.AUDIO: "The camera reports a sound",
    Kind.DIGITAL_INPUT: "The camera reports an active digital input",
}
_NAME_ITEMS = ("rule", "inputtoken", "port")


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """A camera's event as it becomes an alert."""

    event_id: str
    kind: Kind
    happened_at: datetime
    received_at: float
    """On the monotonic clock."""
    description: str


class EventListener(threading.Thread):
    """One subscription after the other at one device, until `stop`."""

    def __init__(
        self,
        camera_id: int,
        address: DeviceAddress,
        options: GateOptions,
        on_event: Callable[[ReportedEvent], None],
        on_fault: Callable[[StreamFault | None], None],
    ) -> None:
        """`on_fault`: called in this thread with the reason why no events arrive, and with None when they do."""
        super().__init__(name=f"events-{camera_id}", daemon=True)
        self._log = camera_logger(camera_id)
        self._address, self._options = address, options
        self._on_event, self._on_fault = on_event, on_fault
        self._states = EventStates(address.authority)
        self._stopping = threading.Event()
        self._has_pulled = False
        self._reported: str | None = None

    @property
    def has_motion(self) -> bool:
        """Return whether the camera reports motion now."""
        return self._states.has_motion

    def stop(self, timeout_seconds: float) -> None:
        """Deliver nothing more; the thread ends when its poll does, and then cancels the subscription."""
        self._stopping.set()
        self.join(timeout_seconds)

    def run(self) -> None:
        backoff = Backoff(1.0, 60.0)
        while not self._stopping.is_set():
            self._has_pulled = False
            fault = self._listen_once()
            if self._has_pulled:  # a restart, or a subscription that the device has dropped: subscribe again at once
                backoff.reset()
            elif not self._stopping.is_set():
                self._report(fault)
            self._stopping.wait(backoff.next_seconds())

    def _listen_once(self) -> StreamFault:
        try:
            with OnvifClient(self._address, self._options) as client:
                client.open()
                return self._listen(client)
        except StreamFault as fault:
            return StreamFault(Reason.EVENTS_UNAVAILABLE, str(fault))
        except SoapFaultError as fault:
            return StreamFault(Reason.EVENTS_UNAVAILABLE, f"the camera refuses the subscription: {fault}")
        except Exception as error:  # noqa: BLE001 an unexpected answer must not end the events for ever
            self._log.exception("could not receive the camera's events")
            return StreamFault(Reason.EVENTS_UNAVAILABLE, type(error).__name__)

    def _listen(self, client: OnvifClient) -> StreamFault:
        if messages.EVENTS not in client.services:
            return StreamFault(Reason.EVENTS_UNAVAILABLE, "the camera offers no ONVIF events; update its firmware")
        body = messages.create_pull_point(_LIFE_SECONDS)
        point = read_pull_point(client.call_events(messages.CREATE_PULL_POINT_ACTION, body))
        try:
            renewed_at = time.monotonic()
            while not self._stopping.is_set():
                self._pull(client, point)
                if time.monotonic() - renewed_at > _RENEW_AFTER_SECONDS:
                    renewed_at = time.monotonic()
                    self._renew(client, point)
        finally:
            with contextlib.suppress(StreamFault, SoapFaultError):
                parameters = point.reference_parameters
                client.call_at(point.address, messages.UNSUBSCRIBE_ACTION, messages.UNSUBSCRIBE, parameters)
        return StreamFault(Reason.EVENTS_UNAVAILABLE)

    def _renew(self, client: OnvifClient, point: PullPoint) -> None:
        with contextlib.suppress(SoapFaultError):  # with some devices each pull renews, and Renew is unknown
            client.call_at(
                point.address, messages.RENEW_ACTION, messages.renew(_LIFE_SECONDS), point.reference_parameters
            )

    def _pull(self, client: OnvifClient, point: PullPoint) -> None:
        asked_at = time.monotonic()
        answer = client.call_at(
            point.address,
            messages.PULL_ACTION,
            messages.pull_messages(POLL_SECONDS),
            point.reference_parameters,
            wait_seconds=POLL_SECONDS,
        )
        if not self._has_pulled:
            self._has_pulled = True
            self._report(None)
        notifications = read_notifications(answer)
        for event in self._states.take(notifications):
            if self._stopping.is_set():
                return
            self._on_event(reported(event, client.clock_offset, datetime.now(UTC), time.monotonic()))
        if not notifications:
            self._stopping.wait(max(0.0, asked_at + _LEAST_SECONDS - time.monotonic()))

    def _report(self, fault: StreamFault | None) -> None:
        text = str(fault or "")
        if text == self._reported:
            return
        self._reported = text
        if fault is not None:
            self._log.warning("%s Retrying.", fault)
        else:
            self._log.info("receiving the camera's own events")
        self._on_fault(fault)


def reported(
    event: CameraEvent, clock_offset: timedelta | None, now: datetime, monotonic_seconds: float
) -> ReportedEvent:
    """Return the event with its time by this machine's clock, and a description."""
    happened_at = now
    if event.notification.time is not None:
        by_our_clock = event.notification.time - (clock_offset or timedelta())
        if timedelta() <= now - by_our_clock <= _BELIEVED_DELAY:
            happened_at = by_our_clock
    name = next((value for name, value in event.notification.source if name.lower() in _NAME_ITEMS and value), "")
    name = "".join(character for character in name if character.isprintable())[:64]
    return ReportedEvent(
        event_id=event.event_id or new_event_id(),
        kind=event.kind,
        happened_at=happened_at,
        received_at=monotonic_seconds,
        description=f"{_TEXTS[event.kind]} ({name})." if name else f"{_TEXTS[event.kind]}.",
    )
