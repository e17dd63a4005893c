"""MQTT 5 with QoS 1, over TCP or TLS: a PUBACK with a success code is the confirmation.

MQTT 3.1.1 is not supported: its PUBACK has no reason code, so a broker that discards a message, because its access
list denies the topic, acknowledges it nevertheless (MQTT 5.0, section 3.4.2.1).
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import CONNECT_SECONDS, check_url, permitted_addresses
from vigil_apps.notifications.channels.base import SEND_SECONDS, DeliveryError, Target, masked_url
from vigil_apps.notifications.core.message import Content

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def check_broker_url(url: str, schemes: Iterable[str], *, no_path: str) -> str:
    """Return the broker's URL, stripped. Raises ValueError whose text repeats no part of it; `no_path` for a path."""
    url = check_url(url, schemes)
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(no_path)
    return url


class MqttTarget(Target):
    """A topic of a broker."""

    url: str = Field(max_length=2000, description="mqtts://user:password@host:8883, or mqtt:// without TLS.")
    topic: str = Field(min_length=1, max_length=200, description="Topic such as vigil/alerts, without + and #.")

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        no_path = "must end with the host or port; enter the topic in its own field"
        return check_broker_url(url, tuple(_PORTS)[::-1], no_path=no_path)

    @field_validator("topic")
    @classmethod
    def _is_topic(cls, topic: str) -> str:
        if any(character in topic for character in "+#\x00") or topic.startswith("$"):
            raise ValueError("must be a topic to publish to, without +, # and a $ at its beginning")
        return topic


class Mqtt:
    """Publishes JSON messages to a topic."""

    label = "MQTT"
    target_type = MqttTarget

    def unavailable(self) -> str:
        """Return no problem: the channel needs no settings."""
        return ""

    def mask(self, target: MqttTarget) -> Mapping[str, Any]:
        """Return broker and topic."""
        return {"url": masked_url(target.url), "topic": target.topic}

    def send(self, target: MqttTarget, content: Content) -> None:
        """Connect, publish, wait for PUBACK, and disconnect."""
        ends_at = time.monotonic() + SEND_SECONDS
        client, state = _connect(target, ends_at)
        try:
            client.publish(target.topic, content.body, qos=1, properties=_properties(content))
            _loop_until(client, lambda: state.is_confirmed or state.refused is not None, ends_at)
            if not state.is_confirmed:
                raise DeliveryError(f"the broker rejected the message: {state.refused}")
        except (ValueError, RuntimeError):
            raise DeliveryError("the broker closed the connection") from None
        finally:
            client.disconnect()


def _properties(content: Content) -> Properties:
    """Return the PUBLISH properties. The content type marks a CloudEvent (MQTT binding 1.0.2, section 3)."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = content.media_type
    properties.PayloadFormatIndicator = 1  # UTF-8
    return properties


class _State:
    """The broker's answers."""

    def __init__(self) -> None:
        self.is_connected = False
        self.is_confirmed = False
        self.refused: str | None = None


class PinnedClient(paho.Client):
    """Connects to a checked address. TLS still verifies the name."""

    def _create_socket_connection(self) -> socket.socket:
        failure: OSError | None = None
        for address in permitted_addresses(self._host, self._port)[:3]:
            try:
                return socket.create_connection((address, self._port), timeout=CONNECT_SECONDS)
            except OSError as error:
                failure = error
        raise failure or OSError("no address")


def _connect(target: MqttTarget, ends_at: float) -> tuple[paho.Client, _State]:
    parts = urlsplit(target.url)
    state = _State()
    client = PinnedClient(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, reconnect_on_failure=False)
    client.on_connect = _on_connect(state)
    client.on_publish = _on_publish(state)
    client.on_disconnect = _on_disconnect(state)
    if parts.username is not None:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme.lower() == "mqtts":
        client.tls_set_context(ssl.create_default_context())
    try:
        client.connect(parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()], keepalive=30)
        _loop_until(client, lambda: state.is_connected or state.refused is not None, ends_at)
    except ssl.SSLError:
        raise DeliveryError("the broker's TLS certificate is invalid, or it does not use TLS") from None
    except OSError:
        raise DeliveryError("the broker is unreachable") from None
    if not state.is_connected:
        raise DeliveryError(f"the broker rejected the connection: {state.refused}")
    return client, state


def _on_connect(state: _State) -> Callable[..., None]:
    def on_connect(_client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            state.refused = str(code).lower()  # a term of the specification, such as «not authorized»
        else:
            state.is_connected = True

    return on_connect


def _on_publish(state: _State) -> Callable[..., None]:
    def on_publish(_client: Any, _data: Any, _id: int, code: ReasonCode, _properties: Any) -> None:
        # `is_published()` is also true for a rejected message: only the reason code shows it.
        if code.is_failure:
            state.refused = str(code).lower()
        else:
            state.is_confirmed = True

    return on_publish


def _on_disconnect(state: _State) -> Callable[..., None]:
    def on_disconnect(_client: Any, _data: Any, _flags: Any, _code: Any, _properties: Any) -> None:
        state.refused = state.refused or "it hung up"

    return on_disconnect


def _loop_until(client: paho.Client, is_done: Callable[[], bool], ends_at: float) -> None:
    while not is_done():
        if time.monotonic() > ends_at:
            raise DeliveryError("the broker did not confirm the message in time")
        code = client.loop(timeout=0.2)
        if code != paho.MQTT_ERR_SUCCESS and not is_done():
            raise DeliveryError("the broker closed the connection")
