"""Decide which notifications are new events: each begins once, whatever a camera repeats. No input or output."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cctv.onvif.dialects import Signal, translate
from cctv.onvif.notifications import Items, Notification, Operation
from vigil_contracts.camera_events import CameraEventKind as Kind

_MAX_STATES, _MAX_RECENT = 1000, 500
_ONE_PER_CAMERA = frozenset({Kind.MOTION, Kind.TAMPER})
"""Many cameras report these under two topics at the same time, with different names of the source: one event."""
_MOMENTARY = frozenset({Kind.LINE_CROSSING})
"""Cameras report that it is over late or never, so each message that begins one counts."""


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """Something that a camera has detected itself."""

    event_id: str | None
    """The same for each repetition of one message; None if the camera sends no time, so a repetition is unknown."""
    kind: Kind
    notification: Notification


_Group = tuple[str, ...]
_Member = tuple[str, Items, Items]


class EventStates:
    """The states of one camera's properties; keep it across reconnects, so that a repeated state is no new event."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._active: dict[_Group, set[_Member]] = {}
        self._recent: dict[str, None] = {}

    @property
    def has_motion(self) -> bool:
        """Return whether the camera reports motion now."""
        return any(group[0] == Kind.MOTION and members for group, members in self._active.items())

    def take(self, notifications: Iterable[Notification]) -> list[CameraEvent]:
        """Return the events that these notifications begin."""
        events = []
        for notification in notifications:
            signal = translate(notification)
            if signal is not None and self._begins(signal, notification):
                event_id = event_id_of(self._device, notification)
                if event_id is None or self._is_new(event_id):
                    events.append(CameraEvent(event_id, signal.kind, notification))
        return events

    def _is_new(self, event_id: str) -> bool:
        """Remember the message; return whether the camera sends it for the first time."""
        if event_id in self._recent:
            return False
        self._recent[event_id] = None
        if len(self._recent) > _MAX_RECENT:
            del self._recent[next(iter(self._recent))]
        return True

    def _begins(self, signal: Signal, notification: Notification) -> bool:
        if signal.is_active is None or signal.kind in _MOMENTARY:
            return signal.is_active is not False and notification.operation in {None, Operation.CHANGED}
        group, member = _group_of(signal, notification), _member_of(notification)
        members = self._active.setdefault(group, set())
        was_active = bool(members)
        # A deleted property repeats its last value.
        if signal.is_active and notification.operation is not Operation.DELETED:
            members.add(member)
        else:
            members.discard(member)
        is_active = bool(members)
        if not is_active or len(self._active) > _MAX_STATES:
            del self._active[group]
        return is_active and not was_active and notification.operation is not Operation.INITIALIZED


def event_id_of(device: str, notification: Notification) -> str | None:
    """Return an id by device, topic, source and time: a message that the camera sends again has the same."""
    if notification.time is None:
        return None
    object_ids = tuple(item for item in notification.data if item[0].lower() == "objectid")
    parts = (device, notification.topic, notification.source, notification.key, object_ids)
    text = repr((*parts, notification.time.isoformat()))
    return f"onvif-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _group_of(signal: Signal, notification: Notification) -> _Group:
    if signal.kind in _ONE_PER_CAMERA:
        return (signal.kind,)
    return (signal.kind, notification.topic, repr((notification.source, notification.key)))


def _member_of(notification: Notification) -> _Member:
    return (notification.topic, notification.source, notification.key)
