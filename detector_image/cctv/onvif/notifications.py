"""Read the notifications of a pull-point (ONVIF Core Specification, section 9.5). No input or output."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from xml.etree.ElementTree import tostring

from cctv.onvif.soap import Element, child, children, local_name, text
from vigil_contracts.bounds import is_plausible

_MAX_MESSAGES, _MAX_ITEMS, _MAX_TEXT = 1000, 64, 500


class Operation(StrEnum):
    """How a property has changed."""

    INITIALIZED = "Initialized"
    """The state at the time of the subscription: no change, so no event."""
    CHANGED = "Changed"
    DELETED = "Deleted"


Items = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of a camera."""

    topic: str
    """Without namespace prefixes: `RuleEngine/CellMotionDetector/Motion`."""
    operation: Operation | None
    """None: the message is not about a property, so it is an event in itself."""
    time: datetime | None
    """By the camera's clock; None if it sends none."""
    source: Items
    """Names and values that say what the message is about: a video source, a rule, an input."""
    key: Items
    data: Items


@dataclass(frozen=True, slots=True)
class PullPoint:
    """Where a subscription's messages are pulled."""

    address: str
    reference_parameters: tuple[str, ...] = ()
    """XML elements to repeat as headers (WS-Addressing, section 2.3)."""


def read_pull_point(response: Element) -> PullPoint:
    """Return the subscription of a `CreatePullPointSubscriptionResponse`."""
    reference = child(response, "SubscriptionReference")
    parameters = child(reference, "ReferenceParameters")
    repeated = tuple(tostring(one, encoding="unicode") for one in (parameters if parameters is not None else ()))
    return PullPoint(text(reference, "Address"), repeated[:10])


def read_notifications(response: Element) -> list[Notification]:
    """Return the messages of a `PullMessagesResponse` in their order; malformed ones are left out."""
    found = (_read(one) for one in children(response, "NotificationMessage")[:_MAX_MESSAGES])
    return [one for one in found if one is not None]


def _read(envelope: Element) -> Notification | None:
    topic = plain_topic(text(envelope, "Topic"))
    message = child(envelope, "Message", "Message")
    if not topic or message is None:
        return None
    attributes = {name.rpartition("}")[2]: value for name, value in message.attrib.items()}
    return Notification(
        topic=topic,
        operation=_operation(attributes.get("PropertyOperation")),
        time=_time(attributes.get("UtcTime", "")),
        source=_items(child(message, "Source")),
        key=_items(child(message, "Key")),
        data=_items(child(message, "Data")),
    )


def plain_topic(topic: str) -> str:
    """Return the topic without namespace prefixes and surrounding slashes."""
    parts = (part.strip().rpartition(":")[2] for part in topic.split("/"))
    return "/".join(part for part in parts if part)[:_MAX_TEXT]


def _operation(value: str | None) -> Operation | None:
    try:
        return Operation(value.strip().capitalize()) if value else None
    except ValueError:
        return Operation.CHANGED


def _time(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found if is_plausible(found) else None


def _items(element: Element | None) -> Items:
    simple = [one for one in element if local_name(one) == "SimpleItem"] if element is not None else []
    return tuple(
        (one.attrib.get("Name", "")[:_MAX_TEXT], one.attrib.get("Value", "").strip()[:_MAX_TEXT])
        for one in simple[:_MAX_ITEMS]
    )
