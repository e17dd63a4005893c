"""Kafka: one record for each CloudEvent, with the key of its camera. The partition's leader confirms it (acks=all).

aiokafka connects through asyncio's event loop. An own loop checks the address of every broker, also of those that the
cluster names in its metadata. librdkafka's hook for that is not available in Python.
"""

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Literal
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
from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import CONNECT_SECONDS, check_url, permitted_addresses
from vigil_apps.notifications.channels.base import SEND_SECONDS, DeliveryError, Target, masked_url
from vigil_apps.notifications.core.message import Content

_SCHEMES = ("kafkas", "kafka")
_PORT = 9092
_MOST_SERVERS = 10
_STOP_SECONDS = 2.0
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class KafkaTarget(Target):
    """A topic of a cluster."""

    url: str = Field(
        max_length=2000,
        description="kafkas://user:password@broker1:9093,broker2:9093, or kafka:// without TLS. User and password are"
        " for SASL.",
    )
    topic: str = Field(min_length=1, max_length=249, description="Name of the topic, such as vigil.events.")
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512", description="How user and password are sent. Choose PLAIN only with kafkas://."
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        scheme, _, authority = url.strip().partition("://")
        login, _, servers = authority.rstrip("/").rpartition("@")
        named = servers.split(",")
        if len(named) > _MOST_SERVERS:
            raise ValueError(f"must name at most {_MOST_SERVERS} brokers; the cluster names the others")
        for server in named:
            checked = check_url(f"{scheme}://{server}", _SCHEMES)
            if "/" in checked.partition("://")[2] or "?" in checked or "#" in checked:
                raise ValueError("must end with the host or port; enter the topic in its own field")
        if login and not login.partition(":")[2]:
            raise ValueError("must contain a user and a password, or neither: kafkas://user:password@host:9093")
        return url.strip().rstrip("/")

    @field_validator("topic")
    @classmethod
    def _is_topic(cls, topic: str) -> str:
        if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise ValueError("must consist of letters, digits, dots, underscores and hyphens, as in vigil.events")
        return topic


class Kafka:
    """Produces records."""

    label = "Kafka"
    target_type = KafkaTarget

    def unavailable(self) -> str:
        """Return no problem: the channel needs no settings."""
        return ""

    def mask(self, target: KafkaTarget) -> Mapping[str, Any]:
        """Return brokers, topic and mechanism."""
        return {"url": masked_url(target.url), "topic": target.topic, "sasl_mechanism": target.sasl_mechanism}

    def send(self, target: KafkaTarget, content: Content) -> None:
        """Connect, produce the record and wait until the cluster has confirmed it."""
        errors: list[BaseException] = []
        token = _logged_errors.set(errors)
        try:
            with asyncio.Runner(loop_factory=_PinnedLoop) as runner:
                runner.run(_produce(target, content))
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
    """Connects to checked addresses only. TLS still verifies the name."""

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
                    return await super().create_connection(protocol_factory, address, port, **options)
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


async def _produce(target: KafkaTarget, content: Content) -> None:
    """Produce the record. Raises KafkaError and OSError."""
    event = content.event
    assert event is not None, "the channel has CloudEvents only"
    producer = AIOKafkaProducer(
        **_connection(target),
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
                target.topic,
                content.body,
                key=event.partitionkey.encode(),
                headers=[("content-type", content.media_type.encode())],
            )
    finally:
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(_STOP_SECONDS):
                await producer.stop()


def _connection(target: KafkaTarget) -> dict[str, Any]:
    scheme, _, authority = target.url.partition("://")
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
        values["sasl_mechanism"] = target.sasl_mechanism
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
