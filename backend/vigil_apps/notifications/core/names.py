"""Enumerations of notifications. Their values are stored; never rename one."""

from enum import StrEnum


class ChannelName(StrEnum):
    """A way to notify a user."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    MQTT = "mqtt"
    WEB_PUSH = "web_push"
    APPRISE = "apprise"


class MessageKind(StrEnum):
    """The subject of a message."""

    ALERTS = "alerts"
    TEST = "test"


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
