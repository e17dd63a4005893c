"""Kafka for the tests: the cluster that librdkafka contains, on loopback, and a gateway with TLS and SASL before it.

The cluster is no Kafka server, but it speaks its protocol: metadata, idempotent producers, consumer groups. It stores
records in memory.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import Consumer, Message, Producer, TopicPartition

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
AUTHENTICATION_FAILED = 58


@dataclass(frozen=True)
class KafkaCluster:
    """A cluster of one broker. Closing `owner` ends it."""

    port: int
    owner: Producer

    @property
    def servers(self) -> str:
        """Return the bootstrap servers."""
        return f"127.0.0.1:{self.port}"

    def records(self, topic: str, count: int) -> list[Message]:
        """Read `count` records of the topic from its beginning, with an independent client."""
        options = {
            "bootstrap.servers": self.servers,
            "group.id": f"reader-of-{topic}",
            "auto.offset.reset": "earliest",
        }
        reader = Consumer(options)
        try:
            reader.subscribe([topic])
            found: list[Message] = []
            while len(found) < count and (record := reader.poll(10)) is not None:
                assert record.error() is None, record.error()
                found.append(record)
            return found
        finally:
            reader.close()

    def count(self, topic: str) -> int:
        """Return the number of records in all partitions of the topic."""
        reader = Consumer({"bootstrap.servers": self.servers, "group.id": "counter"})
        try:
            partitions = [
                TopicPartition(topic, each) for each in reader.list_topics(topic, 10).topics[topic].partitions
            ]
            return sum(reader.get_watermark_offsets(each, timeout=10)[1] for each in partitions)
        finally:
            reader.close()


@contextlib.contextmanager
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Run a cluster."""
    owner = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    yield KafkaCluster(broker.port, owner)


@dataclass
class Gateway:
    """Accepts connections on an own address and port, and forwards them to the cluster.

    `rewrite`: the cluster's metadata names the gateway instead of the broker. `login`: SASL PLAIN is required.
    """

    target: int
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    rewrite: bool = True
    connections: int = 0
    port: int = field(init=False)

    def serve(self, listener: socket.socket) -> None:
        """Accept until the listener is closed."""
        self.port = listener.getsockname()[1]
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as stack:
            client = stack.enter_context(
                self.tls.wrap_socket(connection, server_side=True) if self.tls is not None else connection
            )
            broker = stack.enter_context(socket.create_connection(("127.0.0.1", self.target)))
            is_open = self.login is None
            while True:
                request = _read_frame(client)
                key, _version, correlation = struct.unpack(">hhi", request[:8])
                if self.login is not None and key in (SASL_HANDSHAKE, SASL_AUTHENTICATE):
                    answer, is_open = self._sasl(key, request)
                    _write_frame(client, struct.pack(">i", correlation) + answer)
                    continue
                if not is_open and key != API_VERSIONS:
                    return
                _write_frame(broker, request)
                _write_frame(client, self._changed(key, _read_frame(broker)))

    def _sasl(self, key: int, request: bytes) -> tuple[bytes, bool]:
        if key == SASL_HANDSHAKE:
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN", False
        assert self.login is not None
        user, password = self.login
        if request.endswith(f"\0{user}\0{password}".encode()):
            return struct.pack(">hhi", 0, -1, 0) + bytes(8), True
        return struct.pack(">hhi", AUTHENTICATION_FAILED, -1, 0) + bytes(8), False

    def _changed(self, key: int, answer: bytes) -> bytes:
        if key == API_VERSIONS and self.login is not None:
            # Version 0: correlation, error, and an array of (key, lowest, highest version).
            count = struct.unpack(">i", answer[6:10])[0]
            more = struct.pack(">hhhhhh", SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 0)
            return answer[:6] + struct.pack(">i", count + 2) + answer[10:] + more
        if self.rewrite:
            return answer.replace(struct.pack(">i", self.target), struct.pack(">i", self.port))
        return answer


@contextlib.contextmanager
def kafka_gateway(gateway: Gateway) -> Iterator[Gateway]:
    """Run the gateway."""
    with socket.create_server((gateway.host, 0)) as listener:
        thread = threading.Thread(target=gateway.serve, args=(listener,), daemon=True)
        thread.start()
        gateway.port = listener.getsockname()[1]
        yield gateway
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _read_frame(connection: socket.socket) -> bytes:
    return _read(connection, struct.unpack(">i", _read(connection, 4))[0])


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _write_frame(connection: socket.socket, frame: bytes) -> None:
    connection.sendall(struct.pack(">i", len(frame)) + frame)
