"""Have an authority time-stamp the signature of an export (RFC 3161)."""

import hashlib
import secrets
import time

import httpx

from vigil_apps.evidence.core import problems
from vigil_contracts.evidence_verifier import time_stamp_of

CONTENT_TYPE = "application/timestamp-query"
TIMEOUT_SECONDS = 10.0
_MAX_BYTES = 64 * 1024
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""AlgorithmIdentifier of SHA-256 in DER (RFC 5754, section 2.2)."""


class TimeStampError(Exception):
    """There is no time stamp; the message tells why."""


def time_stamp(data: bytes, *, url: str) -> bytes:
    """Return the authority's response, which contains the time stamp of `data`. Raises TimeStampError."""
    digest, nonce = hashlib.sha256(data).digest(), secrets.randbits(63)
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    try:
        with httpx.stream(
            "POST",
            url,
            content=query(digest, nonce),
            headers={"Content-Type": CONTENT_TYPE},
            timeout=TIMEOUT_SECONDS,
        ) as answer:
            if answer.status_code != httpx.codes.OK:
                raise TimeStampError(f"{problems.REFUSED} status {answer.status_code}")
            content = b""
            for part in answer.iter_bytes():
                content += part
                if time.monotonic() > ends_at:
                    raise TimeStampError(problems.LATE)
                if len(content) > _MAX_BYTES:
                    raise TimeStampError(f"{problems.REFUSED} it is too long")
    except httpx.TimeoutException:
        raise TimeStampError(problems.LATE) from None
    except httpx.HTTPError as error:
        raise TimeStampError(f"{problems.UNREACHABLE} {type(error).__name__}") from None
    try:
        stamp = time_stamp_of(content)
    except ValueError as error:
        raise TimeStampError(f"{problems.REFUSED} {error}") from None
    if (stamp.hash_name, stamp.digest, stamp.nonce) != ("sha256", digest, nonce):
        raise TimeStampError(f"{problems.REFUSED} the time stamp is of something else")
    return content


def query(digest: bytes, nonce: int) -> bytes:
    """Return a TimeStampReq for a SHA-256 sum, in DER (RFC 3161, section 2.4.1). It asks for the certificate."""
    imprint = _element(0x30, _SHA256 + _element(0x04, digest))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    return _element(0x30, b"\x02\x01\x01" + imprint + _element(0x02, number) + b"\x01\x01\xff")


def _element(tag: int, content: bytes) -> bytes:
    assert len(content) < 0x80, "longer contents have another form of length"
    return bytes([tag, len(content)]) + content
