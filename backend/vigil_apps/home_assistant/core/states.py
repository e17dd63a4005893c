"""A camera as Home Assistant sees it, and the messages that describe its current state."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from vigil_apps.home_assistant.core.topics import OFFLINE, ONLINE, Topics
from vigil_contracts.health import ObjectCount
from vigil_contracts.names import AlertType, CameraPhase, Reason

Seen = tuple[AlertType, str]
"""What is counted: an alert type, and the name of a zone or an empty text for the whole frame."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message. Retained are only those that Home Assistant needs before this server speaks again."""

    topic: str
    payload: str
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class CameraState:
    """A camera at one moment. `objects` None: nobody knows what is in view, for example without a stream."""

    id: int
    name: str
    site: str
    is_active: bool
    can_switch: bool
    phase: CameraPhase
    reason: Reason
    message: str
    objects: tuple[ObjectCount, ...] | None

    @property
    def counted(self) -> tuple[Seen, ...] | None:
        """Return what the detector counts; None if unknown."""
        return None if self.objects is None else tuple((one.alert_type, one.zone) for one in self.objects)


def key_of(seen: Seen) -> str:
    """Return the key of an entity; zones may have any name, so they are represented by a digest."""
    kind, zone = seen
    return f"{kind.value}_{hashlib.sha256(zone.encode()).hexdigest()[:8]}" if zone else kind.value


def state_messages(camera: CameraState, topics: Topics) -> list[Message]:
    """Return the messages that describe the camera's state.

    Counts are not retained: a retained «person» would be shown again after each restart of Home Assistant.
    """
    health = {"phase": camera.phase.value, "reason": camera.reason.value, "message": camera.message}
    messages = [
        Message(topics.of_camera(camera.id, "health"), _json(health)),
        Message(topics.of_camera(camera.id, "active"), "ON" if camera.is_active else "OFF"),
    ]
    if camera.objects is not None:
        messages.append(Message(topics.of_camera(camera.id, "objects"), _json(_counts(camera.objects))))
    # Last: an entity that becomes available has its state already.
    is_known = camera.objects is not None
    messages.append(
        Message(topics.of_camera(camera.id, "availability"), ONLINE if is_known else OFFLINE, is_retained=True)
    )
    return messages


def removal_messages(camera_id: int, topics: Topics) -> list[Message]:
    """Return the messages that remove a camera's device and everything retained about it."""
    retained = (topics.configuration(camera_id), topics.of_camera(camera_id, "availability"))
    return [Message(topic, "", is_retained=True) for topic in retained]


def _counts(objects: Iterable[ObjectCount]) -> dict[str, int]:
    return {key_of((one.alert_type, one.zone)): one.count for one in objects}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
