"""The client of the Kafka channel.

aiokafka connects through asyncio's event loop. An own loop checks the address of every broker, also of those that the
cluster names in its metadata. librdkafka's hook for that is not available in Python.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from vigil_apps.notifications.channels.addresses import CONNECT_SECONDS, permitted_addresses
from vigil_apps.notifications.channels.base import SEND_SECONDS, DeliveryError
from vigil_apps.notifications.core.message import Content

_PORT = 9092
_STOP_SECONDS = 2.0


def send(url: str, topic: str, sasl_mechanism: str, content: Content) -> None:
    """Connect, produce the record and wait until the cluster has confirmed it. Raises DeliveryError."""
    errors: list[BaseException] = []
    token = _logged_errors.set(errors)
    try:
        with asyncio.Runner(loop_factory=_PinnedLoop) as runner:
            runner.run(_produce(_connection(url, sasl_mechanism), topic, content))
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise _as_delivery_error([error, *errors]) from None
    finally:
        _logged_errors.reset(token)


class _ForbiddenAddressError(OSError):
    """A broker's host has no permitted address. aiokafka treats it like a refused connection."""

    def __init__(self, problem: DeliveryError) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class _PinnedLoop(asyncio.SelectorEventLoop):
    """Connects to checked addresses only, and closes what aiokafka leaves open. TLS still verifies the name."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[asyncio.Transport] = []

    def close(self) -> None:
        """Close the connections first: aiokafka forgets its first one if it is cancelled while it waits there."""
        if not self.is_closed():
            for transport in self._opened:
                transport.abort()
            self.run_until_complete(asyncio.sleep(0))  # a transport closes its socket in the loop
        super().close()

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """Resolve the host, check its addresses, and try one after the other."""
        try:
            addresses = await self.run_in_executor(None, permitted_addresses, host, port)
        except DeliveryError as error:
            raise _ForbiddenAddressError(error) from None
        if options.get("ssl") is not None:
            options["server_hostname"] = host
        failure: OSError | None = None
        for address in addresses[:3]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    made = await super().create_connection(protocol_factory, address, port, **options)
                self._opened.append(made[0])
                return made
            except OSError as error:  # includes the time-out and errors of TLS
                failure = error
        raise failure or OSError("no address")


_logged_errors: ContextVar[list[BaseException] | None] = ContextVar("kafka_errors", default=None)


class _ErrorCollector(logging.Handler):
    """Collects the errors that aiokafka logs: while it retries, it reports the cause nowhere else."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exceptions among the arguments; their texts may contain addresses."""
        errors = _logged_errors.get()
        if errors is not None and isinstance(record.args, tuple):
            errors += [value for value in record.args if isinstance(value, BaseException)]


_log = logging.getLogger("aiokafka")
_log.addHandler(_ErrorCollector())
_log.propagate = False  # its lines contain addresses and user names


async def _produce(connection: Mapping[str, Any], topic: str, content: Content) -> None:
    """Produce the record. Raises KafkaError and OSError."""
    event = content.event
    assert event is not None, "the channel has CloudEvents only"
    producer = AIOKafkaProducer(
        **connection,
        client_id="vigil",
        # The producer's own retries store the record once; acks=all follows from it.
        enable_idempotence=True,
        # Shorter than the limit below, so that aiokafka gives up by itself and says why.
        request_timeout_ms=int(SEND_SECONDS * 800),
    )
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await producer.start()
            await producer.send_and_wait(
                topic,
                content.body,
                key=event.partitionkey.encode(),
                headers=[("content-type", content.media_type.encode())],
            )
    finally:
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(_STOP_SECONDS):
                await producer.stop()


def _connection(url: str, sasl_mechanism: str) -> dict[str, Any]:
    scheme, _, authority = url.partition("://")
    login, _, servers = authority.rpartition("@")
    user, _, password = login.partition(":")
    is_tls = scheme.lower() == "kafkas"
    values: dict[str, Any] = {
        "bootstrap_servers": [
            server if server.rpartition(":")[2].isdigit() else f"{server}:{_PORT}" for server in servers.split(",")
        ],
        "security_protocol": f"{'SASL_' if login else ''}{'SSL' if is_tls else 'PLAINTEXT'}",
    }
    if is_tls:
        values["ssl_context"] = ssl.create_default_context()
    if login:
        values["sasl_mechanism"] = sasl_mechanism
        values["sasl_plain_username"], values["sasl_plain_password"] = unquote(user), unquote(password)
    return values


def _as_delivery_error(errors: Sequence[BaseException]) -> DeliveryError:
    """Return the first known cause; a time-out only if nothing else is known."""
    for error in errors:
        if isinstance(error, _ForbiddenAddressError):
            return error.problem
    for kinds, reason, is_final in _REASONS:
        if any(isinstance(error, kinds) for error in errors):
            return DeliveryError(reason, is_final=is_final)
    return DeliveryError(
        "the cluster is unreachable or closed the connection; check its port, and whether it uses TLS"
    )


_REASONS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    (
        (AuthenticationFailedError, SaslAuthenticationFailed),
        "the cluster rejected the user name or password",
        False,
    ),
    (
        (UnsupportedSaslMechanismError, IllegalSaslStateError),
        "the cluster does not offer this SASL mechanism (sasl_mechanism)",
        False,
    ),
    (
        (TopicAuthorizationFailedError, ClusterAuthorizationFailedError),
        "the cluster does not allow this user to write to the topic",
        False,
    ),
    ((UnknownTopicOrPartitionError,), "the topic does not exist", False),
    ((MessageSizeTooLargeError, RecordTooLargeError), "the message is larger than the topic allows", True),
    ((ssl.SSLError,), "a broker's TLS certificate is invalid, or it does not use TLS", False),
    ((TimeoutError, KafkaTimeoutError), "the cluster did not confirm the message in time", False),
)
"""Causes, the most specific first. The last value: whether a retry is useless."""
