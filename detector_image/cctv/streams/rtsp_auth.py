"""Answer RTSP authentication challenges: Basic (RFC 7617) and Digest (RFC 2617 and RFC 7616), as pure functions.

libav supports MD5 only and would hold the password. Here SHA-256 works too, and libav never receives the password.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

from vigil_contracts.stream_url import Credentials

_HASHES = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
_STRENGTH = {"basic": 0, "md5": 1, "sha-256": 2, "sha-512-256": 3}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate` header; `algorithm` is `basic` or a lower-case digest algorithm without `-sess`."""

    algorithm: str
    realm: str
    nonce: str = ""
    opaque: str | None = None
    qop: str = ""
    session: bool = False
    stale: bool = False
    algorithm_as_written: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Parse a challenge from a header's value; None if its scheme or algorithm is not supported."""
    scheme, _, rest = header.strip().partition(" ")
    pairs = [pair for pair in parse_http_list(rest) if "=" in pair]
    fields = {name.lower(): value for name, value in parse_keqv_list(pairs).items()}
    if scheme.lower() == "basic":
        return Challenge("basic", fields.get("realm", ""))
    written = fields.get("algorithm", "")
    algorithm = written.lower() or "md5"
    session = algorithm.endswith("-sess")
    algorithm = algorithm.removesuffix("-sess")
    offered = [item.strip().lower() for item in fields.get("qop", "").split(",") if item.strip()]
    if scheme.lower() != "digest" or algorithm not in _HASHES or (offered and "auth" not in offered):
        return None
    return Challenge(
        algorithm=algorithm,
        realm=fields.get("realm", ""),
        nonce=fields.get("nonce", ""),
        opaque=fields.get("opaque"),
        qop="auth" if offered else "",
        session=session,
        stale=fields.get("stale", "").lower() == "true",
        algorithm_as_written=written,
    )


def strongest(headers: Sequence[str]) -> Challenge | None:
    """Return the strongest of several challenges that we can answer."""
    known = [challenge for challenge in map(parse_challenge, headers) if challenge is not None]
    return max(known, key=lambda challenge: _STRENGTH[challenge.algorithm], default=None)


def authorization(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, nonce_count: int, client_nonce: str = ""
) -> str:
    """Return the value of the `Authorization` header. `nonce_count` counts requests per challenge, from 1."""
    if challenge.algorithm == "basic":
        pair = f"{credentials.username}:{credentials.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    client_nonce = client_nonce or secrets.token_hex(8)

    def digest(text: str) -> str:
        return hashlib.new(_HASHES[challenge.algorithm], text.encode(), usedforsecurity=False).hexdigest()

    secret = digest(f"{credentials.username}:{challenge.realm}:{credentials.password}")
    if challenge.session:
        secret = digest(f"{secret}:{challenge.nonce}:{client_nonce}")
    count = f"{nonce_count:08x}"
    between = f"{challenge.nonce}:{count}:{client_nonce}:{challenge.qop}" if challenge.qop else challenge.nonce
    response = digest(f"{secret}:{between}:{digest(f'{method}:{uri}')}")
    username = credentials.username.replace("\\", "\\\\").replace('"', '\\"')
    parts = [
        f'username="{username}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{response}"',
    ]
    if challenge.algorithm_as_written:
        parts.append(f"algorithm={challenge.algorithm_as_written}")
    if challenge.opaque is not None:
        parts.append(f'opaque="{challenge.opaque}"')
    if challenge.qop or challenge.session:
        parts.append(f'cnonce="{client_nonce}"')
    if challenge.qop:
        parts += [f"qop={challenge.qop}", f"nc={count}"]
    return f"Digest {', '.join(parts)}"
