"""Kafka: one record for each CloudEvent, with the key of its camera. The partition's leader confirms it (acks=all).

The client is in `kafka_client.py`, which is imported with the first record.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import check_url
from vigil_apps.notifications.channels.base import Target, masked_url
from vigil_apps.notifications.core.message import Content

_SCHEMES = ("kafkas", "kafka")
_MOST_SERVERS = 10
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
        # Here, since few processes send to Kafka and the client takes a tenth of the time of a start.
        from vigil_apps.notifications.channels import kafka_client

        kafka_client.send(target.url, target.topic, target.sasl_mechanism, content)
