"""Codes of an authenticator app (RFC 6238: HMAC-SHA-1, 30 s, 6 digits), written independently of the server's."""

import hmac
import struct
import time
from base64 import b32decode
from hashlib import sha1


def totp(secret: str, *, steps_ahead: int = 0, now: float | None = None) -> str:
    """Return the code that an app shows now, or `steps_ahead` periods of 30 s later."""
    step = int(time.time() if now is None else now) // 30 + steps_ahead
    digest = hmac.new(b32decode(secret), struct.pack(">Q", step), sha1).digest()
    offset = digest[-1] & 15
    value = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFF_FFFF
    return f"{value % 1_000_000:06}"
