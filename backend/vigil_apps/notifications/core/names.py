"""The closed vocabularies of notifications. Values are stored; never rename one."""

from enum import StrEnum


class ChannelName(StrEnum):
    """A way to reach somebody."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    MQTT = "mqtt"
    WEB_PUSH = "web_push"
    APPRISE = "apprise"


class MessageKind(StrEnum):
    """What a message is about."""

    ALERTS = "alerts"
    TEST = "test"


class MessageState(StrEnum):
    """How far a message has come."""

    PENDING = "pending"
    """It waits for its first or its next attempt."""
    SENT = "sent"
    """The receiver has confirmed it."""
    FAILED = "failed"
    """Given up: the reason says why."""
    DROPPED = "dropped"
    """It may not be sent any more: the subscription is off, or its user has lost sight of the cameras."""
