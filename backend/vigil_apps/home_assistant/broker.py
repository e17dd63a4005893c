"""The connection to the broker: MQTT 5 by paho, which reconnects by itself in a thread of its own."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from vigil_apps.home_assistant.core.settings import Broker
from vigil_apps.home_assistant.core.topics import OFFLINE, Topics
from vigil_apps.notifications.channels.base import DeliveryError
from vigil_apps.notifications.channels.mqtt import PinnedClient

KEEP_ALIVE_SECONDS = 15
"""The broker publishes the last will at most 1.5 times this after the connection is lost (MQTT 5.0, 3.1.2.10)."""
CONFIRM_SECONDS = 3.0
SLOWEST_RETRY_SECONDS = 30
DO_NOT_SEND_RETAINED = 2
"""A retained command would be executed again at each connection (MQTT 5.0, 3.8.3.1: Retain Handling)."""


class _PermittedClient(PinnedClient):
    """Connects to permitted addresses only. paho's thread survives only OSError."""

    forbidden = ""

    def _create_socket_connection(self) -> socket.socket:
        self.forbidden = ""
        try:
            return super()._create_socket_connection()
        except DeliveryError as error:
            self.forbidden = error.reason
            raise OSError(error.reason) from None


class Connection:
    """Connects, and stays connected until `close`. `wake` is called when `take` or a property has news."""

    def __init__(self, broker: Broker, topics: Topics, wake: Callable[[], None]) -> None:
        self._topics, self._wake = topics, wake
        self._lock = threading.Lock()
        self._connections = 0
        self._problem = ""
        self._received: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._client = self._make_client(broker)
        self._client.connect_async(broker.host, broker.port, keepalive=KEEP_ALIVE_SECONDS)
        self._client.loop_start()

    @property
    def is_connected(self) -> bool:
        """Return whether the broker has accepted the connection."""
        return bool(self._client.is_connected())

    @property
    def connections(self) -> int:
        """Return how often a connection was made: after a new one, everything must be published again."""
        with self._lock:
            return self._connections

    @property
    def problem(self) -> str:
        """Return why there is no connection, or which topic is denied; empty if all is well."""
        with self._lock:
            return self._problem

    def take(self) -> tuple[str, str] | None:
        """Return the next received message, topic and payload; None if there is none."""
        try:
            return self._received.get_nowait()
        except queue.Empty:
            return None

    def publish(self, topic: str, payload: str | bytes, *, is_retained: bool = False) -> paho.MQTTMessageInfo:
        """Queue a message of QoS 1."""
        return self._client.publish(topic, payload, qos=1, retain=is_retained)

    def are_confirmed(self, messages: Sequence[paho.MQTTMessageInfo]) -> bool:
        """Wait for the broker's answers; return whether all have arrived in time."""
        ends_at = time.monotonic() + CONFIRM_SECONDS
        try:
            for message in messages:
                message.wait_for_publish(max(0.01, ends_at - time.monotonic()))
        except (ValueError, RuntimeError):  # not queued, or the connection was lost
            return False
        return all(message.is_published() for message in messages)

    def close(self) -> None:
        """Say that this server is offline, and disconnect."""
        if self.is_connected:
            self.are_confirmed([self.publish(self._topics.server, OFFLINE, is_retained=True)])
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self, broker: Broker) -> paho.Client:
        make = paho.Client if broker.is_trusted else _PermittedClient
        client = make(CallbackAPIVersion.VERSION2, client_id=f"vigil-{self._topics.instance}", protocol=paho.MQTTv5)
        client.reconnect_delay_set(1, SLOWEST_RETRY_SECONDS)
        client.will_set(self._topics.server, OFFLINE, qos=1, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.has_tls:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            self._set_problem(f"the broker rejected the connection: {str(code).lower()}")
            return
        options = SubscribeOptions(qos=1, retainHandling=DO_NOT_SEND_RETAINED)
        client.subscribe([(self._topics.birth, options), (self._topics.all_switches, options)])
        with self._lock:
            self._connections += 1
        self._set_problem("")  # also wakes the publisher

    def _on_connect_fail(self, client: paho.Client, _data: Any) -> None:
        forbidden = client.forbidden if isinstance(client, _PermittedClient) else ""
        self._set_problem(forbidden or "the broker is unreachable, or its TLS certificate is invalid")

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        if code.is_failure and not self.problem:
            self._set_problem(f"the connection was lost: {str(code).lower()}")

    def _on_publish(self, _client: paho.Client, _data: Any, _id: int, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:  # a message counts as published even if an access list denies its topic
            self._set_problem(f"the broker rejected a message: {str(code).lower()}; permit the topics of the guide")

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if not message.retain:
            self._received.put((message.topic, message.payload[:100].decode(errors="replace")))
            self._wake()

    def _set_problem(self, problem: str) -> None:
        with self._lock:
            self._problem = problem
        self._wake()
