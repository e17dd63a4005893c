"""Web Push to a browser: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (who we are: VAPID)."""

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
from vigil_apps.notifications.channels.base import MASK, DeliveryError, Target
from vigil_apps.notifications.channels.http import Answer, post, require_success
from vigil_apps.notifications.core.message import Content

TIME_TO_LIVE_SECONDS = 24 * 3600
"""As long a push service keeps a message for a browser that is off."""
_TOKEN_LIFE_SECONDS = 12 * 3600
"""A token may live 24 hours at most (RFC 8292, section 2), which a service whose clock is behind sees as more."""
_MOST_TEXT = 1000
"""Characters. A push service takes 4096 bytes in all (RFC 8030, section 7.2)."""


class PushKeys(Target):
    """What the browser encrypts with, as `PushSubscription.toJSON()` gives it."""

    p256dh: str = Field(max_length=200, description="The browser's public key.")
    auth: str = Field(max_length=100, description="Its authentication secret.")

    @field_validator("p256dh")
    @classmethod
    def _is_point(cls, text: str) -> str:
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(text))
        except ValueError:
            raise ValueError("must be a point of P-256 in Base64, as the browser gives it") from None
        return text

    @field_validator("auth")
    @classmethod
    def _is_secret(cls, text: str) -> str:
        if len(decoded(text)) != 16:
            raise ValueError("must be 16 bytes in Base64, as the browser gives it")
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
    """A notification of the browser's own."""

    label = "Browser (Web Push)"
    target_type = WebPushTarget

    def unavailable(self) -> str:
        """Without a key push services do not listen."""
        return "" if settings.VIGIL_VAPID_KEY else "Web Push is not set up on this server (VIGIL_VAPID_KEY_FILE)"

    def masked(self, target: WebPushTarget) -> Mapping[str, Any]:
        """The push service. Whoever has the rest can send to the browser."""
        parts = urlsplit(target.endpoint)
        return {"endpoint": f"{parts.scheme}://{parts.netloc}/{MASK}", "keys": MASK}

    def send(self, target: WebPushTarget, content: Content) -> None:
        """201 confirms: the push service has it, and keeps it while the browser is off."""
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
            # A repetition takes the place of the first one while the browser is off (RFC 8030, section 5.4).
            "Topic": base64.urlsafe_b64encode(content.id.bytes).decode().rstrip("="),
        }
        answer = post(target.endpoint, headers=headers, body=_encrypted(target, content))
        _require_kept(answer)


def public_key() -> str:
    """The `applicationServerKey` with which a browser subscribes; empty where there is none."""
    if not settings.VIGIL_VAPID_KEY:
        return ""
    point = _vapid(settings.VIGIL_VAPID_KEY).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Base64 of either alphabet, with or without padding; empty where it is none."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _require_kept(answer: Answer) -> None:
    if answer.status in {404, 410}:
        raise DeliveryError("the browser has ended its subscription", is_gone=True)
    if answer.status in {400, 413}:
        raise DeliveryError(f"the push service refused the message ({answer.status})", is_final=True)
    if answer.status in {401, 403}:  # for a clock that is wrong, for instance, which may be set right meanwhile
        raise DeliveryError(
            f"the push service refused this server's token ({answer.status}); check the server's clock",
            retry_after_seconds=answer.retry_after_seconds,
        )
    require_success(answer)


def _encrypted(target: WebPushTarget, content: Content) -> bytes:
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
            dh=decoded(target.keys.p256dh),
            auth_secret=decoded(target.keys.auth),
            version="aes128gcm",
        )
    )


@lru_cache(maxsize=2)
def _vapid(key: str) -> Vapid02:
    return Vapid02.from_string(key)


def _contact() -> str:
    """Whom a push service may ask when something is wrong with us."""
    parts = urlsplit(settings.VIGIL_PUBLIC_URL)
    if parts.scheme == "https" and parts.port is None:
        return f"https://{parts.hostname}"
    return f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
