"""Stream URLs without their credentials: the only way in which a URL may be shown, logged or stored in a resource."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

SCHEMES = ("rtsp", "rtsps")
MASK = "***"


class InvalidStreamUrlError(ValueError):
    """The text is no usable RTSP URL. The message never repeats the text, since it may hold a password."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, decoded (no percent signs)."""

    username: str
    password: str


def validate_stream_url(url: str) -> str:
    """Returns `url` stripped, or raises `InvalidStreamUrlError` saying what would be right."""
    url = url.strip()
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidStreamUrlError("must not contain spaces or control characters; write them as %20 and the like")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidStreamUrlError(
            "must be a URL like rtsp://host:554/path; a special character in the password is written as %XX"
        ) from error
    if parts.scheme.lower() not in SCHEMES:
        raise InvalidStreamUrlError("must begin with rtsp:// or rtsps://")
    if not parts.hostname:
        raise InvalidStreamUrlError("must name a host, as in rtsp://host:554/path")
    if port == 0:
        raise InvalidStreamUrlError("must have a port between 1 and 65535")
    return url


_SECRET_PARAMETERS = frozenset(
    ("auth", "key", "pass", "passwd", "password", "pwd", "secret", "token", "user", "username", "usr")
)


def check_stream_path(path: str) -> None:
    """Raises ValueError unless `path` is empty, or may follow a camera's host and holds no credentials."""
    if not path:
        return
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("must be a path on the camera's host, such as /Streaming/Channels/102")
    if any(character.isspace() or not character.isprintable() for character in path):
        raise ValueError("must not contain spaces or control characters; write them as %20 and the like")
    if "#" in path:
        raise ValueError("must not contain #; write it as %23")
    names = re.split(r"[?&;=]", path.partition("?")[2].lower())
    if any(name.strip("_") in _SECRET_PARAMETERS for name in names):
        raise ValueError("must not contain credentials; those of the camera's URL are used for this path too")


def with_path(url: str, path: str) -> str:
    """A valid stream URL with another path and query; `path` empty: `url` itself."""
    if not path:
        return url
    parts, (bare, _, query) = urlsplit(url), path.partition("?")
    return urlunsplit(parts._replace(path=bare, query=query))


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Takes user and password out of a valid stream URL: `(url without them, credentials or None)`."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=host))
    if not at:
        return bare, None
    username, _, password = userinfo.partition(":")
    return bare, Credentials(unquote(username), unquote(password))


def join_credentials(url: str, credentials: Credentials | None) -> str:
    """The inverse of `split_credentials`; special characters are percent-encoded (RFC 3986, section 3.2.1)."""
    if credentials is None:
        return url
    parts = urlsplit(url)
    userinfo = f"{quote(credentials.username, safe='')}:{quote(credentials.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


def mask_stream_url(url: str) -> str:
    """`url` for people's eyes: credentials become `***`, and the query (cameras take `?password=…`) too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    _, at, host = parts.netloc.rpartition("@")
    query = MASK if parts.query else ""
    return urlunsplit(parts._replace(netloc=f"{MASK}@{host}" if at else host, query=query, fragment=""))


def secrets_of(url: str) -> list[str]:
    """Every text that must not appear in any output because of this URL, longest first.

    Redaction works by exact value: patterns miss percent-encoded and dotted users and `?token=`.
    """
    found = {url}
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    userinfo, at, _ = parts.netloc.rpartition("@")
    if at:
        _, colon, password = userinfo.partition(":")
        found |= {userinfo, unquote(userinfo)}
        if colon:
            found |= {password, unquote(password)}
    if parts.query:
        found |= {parts.query, unquote(parts.query)}
    return sorted((text for text in found if len(text) > 1), key=len, reverse=True)


def redact(text: str, secrets: list[str]) -> str:
    """`text` with each of `secrets` replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
