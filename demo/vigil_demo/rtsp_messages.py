"""RTSP/1.0 messages (RFC 2326) and HTTP digest authentication for them (RFC 2617)."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_HEADER_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
REASON_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
}


class MalformedRequestError(ValueError):
    """The received data is not an RTSP request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """One response, without `CSeq`, which the connection adds."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self, cseq: str) -> bytes:
        """Return the response as bytes."""
        lines = [f"RTSP/1.0 {self.status} {REASON_PHRASES[self.status]}", f"CSeq: {cseq}", "Server: vigil-demo"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request; None at the end of the connection. Raises `MalformedRequestError`.

    Interleaved data from the client (RFC 2326, 10.12) is skipped: a demo camera needs no receiver reports.
    """
    try:
        while (first := await reader.readexactly(1)) in (b"$", b"\r", b"\n"):
            if first == b"$":
                length = int.from_bytes((await reader.readexactly(3))[1:], "big")
                await reader.readexactly(length)
        head = first + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedRequestError("the header is too long") from error
    request = parse_request(head)
    length = int(request.headers.get("content-length", "0"))
    if length > MAX_BODY_BYTES:
        raise MalformedRequestError("the body is too long")
    await reader.readexactly(length)
    return request


def parse_request(head: bytes) -> Request:
    """Parse a request's first line and headers. Raises `MalformedRequestError`."""
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("RTSP/1."):
        raise MalformedRequestError("the first line must be METHOD URL RTSP/1.0")
    headers = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedRequestError("a header must be NAME: VALUE")
        headers[name.strip().lower()] = value.strip()
    if not headers.get("content-length", "0").isdigit():
        raise MalformedRequestError("Content-Length must be a number")
    return Request(words[0].upper(), words[1], headers)


@dataclass(frozen=True)
class DigestAuthentication:
    """Authenticates one user without receiving the password."""

    username: str
    password: str
    realm: str = "vigil-demo"
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def challenge(self) -> str:
        """Return the value of `WWW-Authenticate`."""
        return f'Digest realm="{self.realm}", nonce="{self.nonce}", algorithm=MD5'

    def accepts(self, request: Request) -> bool:
        """Return whether the request proves knowledge of the password (RFC 2617, 3.2.2.1, without `qop`)."""
        scheme, _, parameters = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "digest":
            return False
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', parameters))
        secret = _md5(f"{self.username}:{self.realm}:{self.password}")
        action = _md5(f"{request.method}:{given.get('uri', '')}")
        expected = _md5(f"{secret}:{self.nonce}:{action}")
        return (
            given.get("username") == self.username
            and given.get("nonce") == self.nonce
            and hmac.compare_digest(given.get("response", ""), expected)
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
