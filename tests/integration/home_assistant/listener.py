"""An MQTT client that collects all messages of a broker."""

import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.integration.services.mosquitto import PASSWORD, USER

WAIT_SECONDS = 60.0


class Listener:
    """`latest` has the last payload of each topic with the time of its arrival (monotonic)."""

    def __init__(self, port: int) -> None:
        self._changed = threading.Condition()
        self.latest: dict[str, tuple[bytes, float]] = {}
        self._records: dict[str, list[tuple[float, bytes]]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.username_pw_set(USER, PASSWORD)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, topic: str, payload: str) -> None:
        """Publish a message as Home Assistant does."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def until(self, topic: str, is_it: Callable[[bytes], bool]) -> float:
        """Wait for such a payload; return when it arrived."""
        ends_at = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while not (topic in self.latest and is_it(self.latest[topic][0])):
                left = ends_at - time.monotonic()
                assert left > 0, (topic, self.latest)
                self._changed.wait(left)
            return self.latest[topic][1]

    def record(self, topic: str) -> list[tuple[float, bytes]]:
        """Return a list to which each message of the topic is added, with the time of its arrival."""
        with self._changed:
            return self._records.setdefault(topic, [])

    def forget(self) -> None:
        """Forget what has arrived."""
        with self._changed:
            self.latest.clear()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            payload, now = bytes(message.payload), time.monotonic()
            self.latest[message.topic] = payload, now
            if message.topic in self._records:
                self._records[message.topic].append((now, payload))
            self._changed.notify_all()
