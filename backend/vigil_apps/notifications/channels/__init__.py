"""The notification channels by name."""

from typing import Any

from vigil_apps.notifications.channels.apprise import Apprise
from vigil_apps.notifications.channels.base import Channel, DeliveryError, Target
from vigil_apps.notifications.channels.email import Email
from vigil_apps.notifications.channels.kafka import Kafka
from vigil_apps.notifications.channels.mqtt import Mqtt
from vigil_apps.notifications.channels.web_push import WebPush
from vigil_apps.notifications.channels.webhook import Webhook
from vigil_apps.notifications.core.names import ChannelName

__all__ = ["CHANNELS", "Channel", "DeliveryError", "Target"]

CHANNELS: dict[ChannelName, Channel[Any]] = {
    ChannelName.WEBHOOK: Webhook(),
    ChannelName.EMAIL: Email(),
    ChannelName.MQTT: Mqtt(),
    ChannelName.WEB_PUSH: WebPush(),
    ChannelName.APPRISE: Apprise(),
    ChannelName.KAFKA: Kafka(),
}
