"""The channels, by their names."""

from typing import Any

from notifications.channels.apprise import Apprise
from notifications.channels.base import Channel, DeliveryError, Target
from notifications.channels.email import Email
from notifications.channels.mqtt import Mqtt
from notifications.channels.web_push import WebPush
from notifications.channels.webhook import Webhook
from notifications.core.names import ChannelName

__all__ = ["CHANNELS", "Channel", "DeliveryError", "Target"]

CHANNELS: dict[ChannelName, Channel[Any]] = {
    ChannelName.WEBHOOK: Webhook(),
    ChannelName.EMAIL: Email(),
    ChannelName.MQTT: Mqtt(),
    ChannelName.WEB_PUSH: WebPush(),
    ChannelName.APPRISE: Apprise(),
}
