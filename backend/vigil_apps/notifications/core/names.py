"""Enumerations of notifications. Their values are stored; never rename one."""

from enum import StrEnum


class ChannelName(StrEnum):
    """A way to notify a user."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    MQTT = "mqtt"
    WEB_PUSH = "web_push"
    APPRISE = "apprise"
    KAFKA = "kafka"


class MessageFormat(StrEnum):
    """What a subscription's messages contain."""

    VIGIL = "vigil"
    """Alerts, as text and JSON. Several alerts may share a message."""
    CLOUDEVENTS = "cloudevents"
    """One CloudEvent for each change of an alert or a camera."""


FORMATS: dict[ChannelName, tuple[MessageFormat, ...]] = {
    ChannelName.WEBHOOK: (MessageFormat.VIGIL, MessageFormat.CLOUDEVENTS),
    ChannelName.EMAIL: (MessageFormat.VIGIL,),
    ChannelName.MQTT: (MessageFormat.VIGIL, MessageFormat.CLOUDEVENTS),
    ChannelName.WEB_PUSH: (MessageFormat.VIGIL,),
    ChannelName.APPRISE: (MessageFormat.VIGIL,),
    ChannelName.KAFKA: (MessageFormat.CLOUDEVENTS,),
}
"""The formats of each channel, the default first."""


class MessageKind(StrEnum):
    """The subject of a message."""

    ALERTS = "alerts"
    TEST = "test"
    EVENT = "event"


class MessageState(StrEnum):
    """The delivery state of a message."""

    PENDING = "pending"
    """Waits for its first or next attempt."""
    SENT = "sent"
    """Confirmed by the receiver."""
    FAILED = "failed"
    """Given up; the reason says why."""
    DROPPED = "dropped"
    """No longer permitted: the subscription is off, or its user has lost access to the cameras."""
