"""Webhooks, signed according to Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import check_url
from vigil_apps.notifications.channels.answers import require_success
from vigil_apps.notifications.channels.base import Target, masked_url
from vigil_apps.notifications.channels.http import post
from vigil_apps.notifications.core.message import Content

_PREFIX = "whsec_"


def new_secret() -> str:
    """Return a new signing secret for one subscription."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookTarget(Target):
    """A receiver of HTTP requests."""

    url: str = Field(max_length=2000, description="https://… or http://…. Responses omit path and query.")
    secret: str = Field(
        default="",
        max_length=120,
        description="Signs the messages: whsec_ and 24 to 64 bytes in Base64. Generated and shown once if omitted.",
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return check_url(url, ("https", "http"))

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, secret: str) -> str:
        if secret and not 24 <= len(_key(secret)) <= 64:
            raise ValueError("must be whsec_ and 24 to 64 bytes in Base64, or be omitted")
        return secret


class Webhook:
    """Sends a POST request with JSON."""

    label = "Webhook"
    target_type = WebhookTarget

    def unavailable(self) -> str:
        """Return no problem: the channel needs no settings."""
        return ""

    def mask(self, target: WebhookTarget) -> Mapping[str, Any]:
        """Return the host."""
        return {"url": masked_url(target.url)}

    def send(self, target: WebhookTarget, content: Content) -> None:
        """Send the message; a 2xx status is the confirmation."""
        body = content.body
        headers = signed_headers(target.secret, message_id=str(content.id), body=body, timestamp=int(time.time()))
        require_success(post(target.url, headers={**headers, "Content-Type": content.media_type}, body=body))


def signed_headers(secret: str, *, message_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """Return the three headers. HMAC-SHA256 over id, time (Unix seconds) and body, joined by dots."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else b""
    except (binascii.Error, ValueError):
        return b""
