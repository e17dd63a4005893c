"""What one publisher has told Home Assistant through one broker, and what it still has to tell."""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404
from paho.mqtt.client import MQTTMessageInfo

from surveillance import images
from surveillance.core.health import REPORT_VALID_FOR
from surveillance.core.sequence import InOrder
from surveillance.event_streams.events import writers
from surveillance.models import Alert, Camera, CameraHealth
from surveillance.selectors.camera_list import ListVersion, camera_list_version
from surveillance.services.cameras import ReadOnlyCameraError
from vigil_apps.home_assistant.core.alerts import PublishedAlert, event_message
from vigil_apps.home_assistant.core.discovery import components_of, configuration_messages
from vigil_apps.home_assistant.core.states import CameraState, Message, Seen, removal_messages, state_messages
from vigil_apps.home_assistant.core.topics import ONLINE, Topics
from vigil_apps.home_assistant.models import HomeAssistant, PublishedDevice
from vigil_apps.home_assistant.selectors import (
    alerts_after,
    camera_state,
    newest_alert_id,
    published_cameras,
    reports_since,
)
from vigil_apps.home_assistant.services import (
    alert_position_record,
    camera_switch,
    device_forget,
    device_record,
)
from vigil_contracts.names import AlertType
from vigil_contracts.version import vigil_version

logger = logging.getLogger(__name__)

CHECK_CAMERAS_SECONDS = 5.0
"""How often the list of cameras is checked for changes."""
RELOAD_SECONDS = 60.0
"""How often all cameras are read although no change is known."""
TURN_SECONDS = 2.0
"""How long a turn publishes cameras. The lease must be renewed in between."""
REPEAT_SECONDS = 600.0
"""How often everything is published again: a user may have emptied a retained topic."""
REPORTS_OVERLAP = timedelta(seconds=2)
"""Reports are read again for this long, since a transaction commits after the time in its row."""
EARLY = timedelta(seconds=2)
"""A camera counts as offline this much before its report expires, so that Home Assistant knows within 30 s."""


class Publishes(Protocol):
    """The part of `broker.Connection` that a session uses."""

    def publish(self, topic: str, payload: str | bytes, *, is_retained: bool = False) -> MQTTMessageInfo:
        """Queue a message."""
        ...

    def are_confirmed(self, messages: list[MQTTMessageInfo]) -> bool:
        """Wait for the broker's answers."""
        ...


class Session:
    """Not thread-safe: one thread calls it, while the connection is up."""

    def __init__(self, row: HomeAssistant, connection: Publishes) -> None:
        self._row, self._connection = row, connection
        self.topics = Topics(row.instance, row.discovery_prefix)
        self._cameras: dict[int, Camera] = {}
        self._dirty: set[int] = set()
        """The cameras whose state may have changed."""
        self._silent: set[int] = set()
        """The cameras whose last report has expired."""
        self._version: ListVersion | None = None
        self._checked_at = self._loaded_at = -RELOAD_SECONDS
        self._repeated_at = time.monotonic()
        self._reports_from: datetime | None = None
        self._sent: dict[str, str] = {}
        self._published = {device.pk: device for device in PublishedDevice.objects.all()}
        self._alerts: InOrder[Alert] = InOrder(
            newest_alert_id() if row.alert_position is None else row.alert_position
        )

    def repeat(self) -> None:
        """Publish everything again with the next `turn`: the broker or Home Assistant has started."""
        self._sent.clear()
        self._dirty = set(self._cameras)
        self._repeated_at = time.monotonic()

    def turn(self, now: datetime) -> None:
        """Publish what has changed; what takes too long is left to the next turn."""
        if time.monotonic() - self._repeated_at > REPEAT_SECONDS:
            self.repeat()
        self._send([Message(self.topics.server, ONLINE, is_retained=True)])
        self._load_cameras()
        self._load_reports(now)
        self._publish_cameras(now)
        self._publish_alerts(now)

    def handle(self, topic: str, payload: str) -> None:
        """Handle a message of Home Assistant."""
        if topic == self.topics.birth:
            if payload == "online":
                self.repeat()
            return
        camera_id = self.topics.switched_camera(topic)
        if camera_id is None or payload not in {"ON", "OFF"} or self._row.acts_as is None:
            return
        self._switch(self._row.acts_as, camera_id, is_active=payload == "ON")
        self._checked_at = -CHECK_CAMERAS_SECONDS
        self._dirty.add(camera_id)
        # Also if nothing has changed: Home Assistant shows a switch as it was until it hears of its state.
        self._sent.pop(self.topics.of_camera(camera_id, "active"), None)

    def remove_all(self) -> None:
        """Remove all devices from Home Assistant."""
        for camera_id in list(self._published):
            self._remove(camera_id)

    def _switch(self, user: User, camera_id: int, *, is_active: bool) -> None:
        if camera_id not in self._cameras:
            return
        name = user.get_username()
        try:
            camera_switch(user=user, camera_id=camera_id, is_active=is_active)
        except (Http404, PermissionDenied):
            logger.warning("Home Assistant must not switch camera %d: user %r is no operator of it", camera_id, name)
        except ReadOnlyCameraError:
            logger.warning("Home Assistant cannot switch camera %d: kubectl manages it", camera_id)

    def _load_cameras(self) -> None:
        """Read the cameras if one has changed, and now and then."""
        clock = time.monotonic()
        if clock - self._checked_at < CHECK_CAMERAS_SECONDS:
            return
        self._checked_at = clock
        version = camera_list_version()
        if version != self._version or clock - self._loaded_at >= RELOAD_SECONDS:
            self._cameras = {camera.pk: camera for camera in published_cameras(self._row)}
            self._version, self._loaded_at = version, clock
            self._dirty = set(self._cameras)

    def _load_reports(self, now: datetime) -> None:
        """Read new reports of the detectors, and note which have expired."""
        for report in reports_since((self._reports_from or now) - REPORTS_OVERLAP):
            camera = self._cameras.get(report.camera_id)
            if camera is not None:
                if _shown(report) != _shown(_report_of(camera)):
                    self._dirty.add(camera.pk)
                camera.health_report = report
        self._reports_from = now
        oldest = now + EARLY - REPORT_VALID_FOR
        silent = {camera.pk for camera in self._cameras.values() if _is_silent(camera, oldest)}
        self._dirty |= silent ^ self._silent
        self._silent = silent

    def _publish_cameras(self, now: datetime) -> None:
        ends_at = time.monotonic() + TURN_SECONDS
        for camera_id in sorted(self._dirty):
            if (camera := self._cameras.get(camera_id)) is not None:
                state = camera_state(camera, can_switch=self._row.acts_as is not None, now=now + EARLY)
                if not self._publish_device(state):
                    return
                self._send(state_messages(state, self.topics))
            self._dirty.discard(camera_id)
            if time.monotonic() > ends_at:
                return
        for camera_id in self._published.keys() - self._cameras.keys():
            self._remove(camera_id)

    def _publish_device(self, state: CameraState) -> bool:
        """Publish the camera's entities if they have changed; return whether the broker has them.

        Entities of counted objects stay while nobody counts.
        """
        known = self._published.get(state.id)
        counted = state.counted if state.counted is not None else _counted_of(known)
        components = components_of(state, counted, self.topics)
        platforms = {key: str(component["p"]) for key, component in components.items()}
        before = known.components if known is not None else {}
        messages = configuration_messages(
            state,
            components,
            before,
            self.topics,
            version=vigil_version(),
            public_url=settings.VIGIL_PUBLIC_URL,
        )
        if self._sent.get(messages[-1].topic) == messages[-1].payload and platforms == before:
            return True
        # First what Home Assistant may know from now on, so that a restart in between does not forget an entity.
        both = before | platforms
        if both != before or known is None:
            device_record(camera_id=state.id, components=both, counted=counted)
        if not self._send(messages, must_confirm=True):
            self._sent.pop(messages[-1].topic, None)
            return False
        device_record(camera_id=state.id, components=platforms, counted=counted)
        self._published[state.id] = PublishedDevice(
            camera_id=state.id, components=platforms, counted=[[kind.value, zone] for kind, zone in counted]
        )
        for name in ("health", "active", "objects", "availability"):  # new entities have no state yet
            self._sent.pop(self.topics.of_camera(state.id, name), None)
        return True

    def _remove(self, camera_id: int) -> None:
        messages = removal_messages(camera_id, self.topics)
        if self._send(messages, must_confirm=True):
            for message in messages:
                self._sent.pop(message.topic, None)
            del self._published[camera_id]
            device_forget(camera_id=camera_id)

    def _publish_alerts(self, now: datetime) -> None:
        """Publish new alerts in the order of their ids, each once."""
        writing = writers() if self._alerts.has_gap else frozenset()
        found = alerts_after(self._alerts.position)
        position = self._alerts.position
        for alert in self._alerts.take(found, writing=writing, now=time.monotonic()):
            if alert.camera_id in self._cameras and not self._publish_alert(alert, now):
                self._alerts = InOrder(position)  # retry with the next turn
                break
            position = alert.pk
        if self._alerts.has_gap:
            self._alerts.note(writers())
        if position != self._row.alert_position:
            self._row.alert_position = position
            alert_position_record(position=position)

    def _publish_alert(self, alert: Alert, now: datetime) -> bool:
        shown = PublishedAlert(
            id=alert.pk,
            camera_id=alert.camera_id,
            alert_type=AlertType(alert.alert_type),
            timestamp=alert.timestamp,
            confidence=alert.confidence,
            label=alert.label,
            zone=alert.zone,
            rule=alert.rule,
            description=alert.description,
        )
        if not shown.is_current(now):
            return True
        message = event_message(shown, self.topics, public_url=settings.VIGIL_PUBLIC_URL)
        infos = []
        if (image := _image_of(alert)) is not None:  # before the event: automations send it with the event
            infos.append(self._connection.publish(self.topics.of_camera(alert.camera_id, "image"), image))
        infos.append(self._connection.publish(message.topic, message.payload))
        return self._connection.are_confirmed(infos)

    def _send(self, messages: Iterable[Message], *, must_confirm: bool = False) -> bool:
        """Publish messages that differ from the last ones of their topics; return whether the broker has them."""
        infos = []
        for message in messages:
            if self._sent.get(message.topic) == message.payload and not must_confirm:
                continue
            infos.append(self._connection.publish(message.topic, message.payload, is_retained=message.is_retained))
            self._sent[message.topic] = message.payload
        return self._connection.are_confirmed(infos) if must_confirm else True


def _report_of(camera: Camera) -> CameraHealth | None:
    return getattr(camera, "health_report", None)


def _is_silent(camera: Camera, oldest: datetime) -> bool:
    """Return whether no report counts: none since `oldest`, or none since the camera's activation."""
    report = _report_of(camera)
    if report is None or report.reported_at < oldest:
        return True
    return camera.activated_at is not None and report.reported_at < camera.activated_at


def _shown(report: CameraHealth | None) -> tuple[object, ...]:
    """Return what Home Assistant shows of a report."""
    return () if report is None else (report.phase, report.reason, report.message, report.objects_in_view)


def _counted_of(device: PublishedDevice | None) -> tuple[Seen, ...]:
    if device is None:
        return ()
    known = {kind.value: kind for kind in AlertType}
    return tuple((known[kind], zone) for kind, zone in device.counted if kind in known)


def _image_of(alert: Alert) -> bytes | None:
    if not alert.image:
        return None
    try:
        return images.read(alert.image)
    except images.StorageUnavailableError:
        logger.warning("could not read the image of alert %d for Home Assistant; sending the event alone", alert.pk)
        return None
