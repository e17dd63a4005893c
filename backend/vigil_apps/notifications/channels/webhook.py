"""Webhooks, signed as the specification Standard Webhooks says (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import check_url
from vigil_apps.notifications.channels.base import Target, masked_url
from vigil_apps.notifications.channels.http import post, require_success
from vigil_apps.notifications.core.message import Content

_PREFIX = "whsec_"


def new_secret() -> str:
    """Signs one subscription's messages."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookTarget(Target):
    """A receiver of HTTP requests."""

    url: str = Field(max_length=2000, description="https://… or http://…; it is shown without path and query.")
    secret: str = Field(
        default="",
        max_length=120,
        description="Signs the messages: whsec_ and 24 to 64 bytes in Base64. Left out: one is made and shown once.",
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return check_url(url, ("https", "http"))

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, secret: str) -> str:
        if secret and not 24 <= len(_key(secret)) <= 64:
            raise ValueError("must be whsec_ and 24 to 64 bytes in Base64, or left out")
        return secret


class Webhook:
    """A POST of JSON."""

    label = "Webhook"
    target_type = WebhookTarget

    def unavailable(self) -> str:
        """It always works."""
        return ""

    def masked(self, target: WebhookTarget) -> Mapping[str, Any]:
        """The host."""
        return {"url": masked_url(target.url)}

    def send(self, target: WebhookTarget, content: Content) -> None:
        """2xx confirms."""
        body = json.dumps(content.as_json(), ensure_ascii=False).encode()
        headers = signed_headers(target.secret, message_id=str(content.id), body=body, timestamp=int(time.time()))
        require_success(post(target.url, headers={**headers, "Content-Type": "application/json"}, body=body))


def signed_headers(secret: str, *, message_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The three headers. HMAC-SHA256 over id, time (Unix seconds) and body, with dots between them."""
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
