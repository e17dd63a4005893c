"""Web Push to a browser: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (identification by VAPID)."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from email.utils import parseaddr
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid02
from pydantic import Field, field_validator

from vigil_apps.notifications.channels.addresses import check_url
from vigil_apps.notifications.channels.answers import Answer, require_success
from vigil_apps.notifications.channels.base import MASK, DeliveryError, Target
from vigil_apps.notifications.channels.http import post
from vigil_apps.notifications.core.message import Content

TIME_TO_LIVE_SECONDS = 24 * 3600
"""How long a push service keeps a message for a browser that is not running."""
_TOKEN_LIFE_SECONDS = 12 * 3600
"""A token may be valid for at most 24 hours (RFC 8292, section 2); a push service's clock may be behind."""
_MOST_TEXT = 1000
"""Maximum characters. A push service accepts 4096 bytes in total (RFC 8030, section 7.2)."""


class PushKeys(Target):
    """The browser's keys for encryption, from `PushSubscription.toJSON()`."""

    p256dh: str = Field(max_length=200, description="The browser's public key.")
    auth: str = Field(max_length=100, description="Its authentication secret.")

    @field_validator("p256dh")
    @classmethod
    def _is_point(cls, text: str) -> str:
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode_base64(text))
        except ValueError:
            raise ValueError("must be a P-256 point in Base64, as the browser provides it") from None
        return text

    @field_validator("auth")
    @classmethod
    def _is_secret(cls, text: str) -> str:
        if len(decode_base64(text)) != 16:
            raise ValueError("must be 16 bytes in Base64, as the browser provides them")
        return text


class WebPushTarget(Target):
    """A browser."""

    endpoint: str = Field(max_length=2000, description="The push service's URL for this browser.")
    keys: PushKeys

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return check_url(url, ("https",))


class WebPush:
    """Sends notifications that the browser displays."""

    label = "Browser (Web Push)"
    target_type = WebPushTarget

    def unavailable(self) -> str:
        """Return a problem if there is no key: push services reject requests without one."""
        return "" if settings.VIGIL_VAPID_KEY else "Web Push is not set up on this server (VIGIL_VAPID_KEY_FILE)"

    def mask(self, target: WebPushTarget) -> Mapping[str, Any]:
        """Return the push service. Anyone who has the rest can send to the browser."""
        parts = urlsplit(target.endpoint)
        return {"endpoint": f"{parts.scheme}://{parts.netloc}/{MASK}", "keys": MASK}

    def send(self, target: WebPushTarget, content: Content) -> None:
        """Send the message; 201 confirms that the push service stores it until the browser is running."""
        parts = urlsplit(target.endpoint)
        claims = {
            "sub": _contact(),
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + _TOKEN_LIFE_SECONDS,
        }
        headers = {
            **_vapid(settings.VIGIL_VAPID_KEY).sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(TIME_TO_LIVE_SECONDS),
            "Urgency": "high",
            # A repeated message replaces the first one while the browser is not running (RFC 8030, section 5.4).
            "Topic": base64.urlsafe_b64encode(content.id.bytes).decode().rstrip("="),
        }
        answer = post(target.endpoint, headers=headers, body=_encrypt(target, content))
        _require_kept(answer)


def public_key() -> str:
    """Return the `applicationServerKey` with which a browser subscribes; empty without a key."""
    if not settings.VIGIL_VAPID_KEY:
        return ""
    point = _vapid(settings.VIGIL_VAPID_KEY).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def decode_base64(text: str) -> bytes:
    """Decode Base64 in either alphabet, with or without padding; return empty if it is invalid."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _require_kept(answer: Answer) -> None:
    if answer.status in {404, 410}:
        raise DeliveryError("the browser has ended its subscription", is_gone=True)
    if answer.status in {400, 413}:
        raise DeliveryError(f"the push service rejected the message ({answer.status})", is_final=True)
    if answer.status in {401, 403}:  # possibly caused by a wrong clock, which may be corrected later
        raise DeliveryError(
            f"the push service rejected this server's token ({answer.status}); check the server's clock",
            retry_after_seconds=answer.retry_after_seconds,
        )
    require_success(answer)


def _encrypt(target: WebPushTarget, content: Content) -> bytes:
    payload = {
        "id": str(content.id),
        "title": content.title,
        "body": content.text[:_MOST_TEXT],
        "url": content.url,
        "tag": str(content.id),
    }
    return bytes(
        http_ece.encrypt(
            json.dumps(payload, ensure_ascii=False).encode(),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=decode_base64(target.keys.p256dh),
            auth_secret=decode_base64(target.keys.auth),
            version="aes128gcm",
        )
    )


@lru_cache(maxsize=2)
def _vapid(key: str) -> Vapid02:
    return Vapid02.from_string(key)


def _contact() -> str:
    """Return the contact for push services in case of problems."""
    parts = urlsplit(settings.VIGIL_PUBLIC_URL)
    if parts.scheme == "https" and parts.port is None:
        return f"https://{parts.hostname}"
    return f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
