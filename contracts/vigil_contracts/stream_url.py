"""Stream URLs without credentials: the only form in which a URL may be displayed, logged or stored in a resource."""

import base64
import re
import unicodedata
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from vigil_contracts.url_secrets import MASK as MASK
from vigil_contracts.url_secrets import (
    PLACEHOLDERS,
    holds_secret,
    mask_path,
    secret_values,
    user_and_password,
)

SCHEMES = ("rtsp", "rtsps")
_SPACES = "must not contain spaces or control characters; write them as %20 and the like"
_TOKEN_PORTS = frozenset({7441, 7447})
"""UniFi Protect streams: anyone who knows the path, which contains a token, can watch."""
_LEAST_TOKEN_LENGTH = 8


class InvalidStreamUrlError(ValueError):
    """The text is not a usable RTSP URL. The message never repeats it, since it may contain a password."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password, decoded (without percent signs)."""

    username: str
    password: str


def credentials_problem(credentials: Credentials) -> str | None:
    """Return why a camera cannot have these credentials, without their values; None if no problem is found."""
    for name, value in (("user name", credentials.username), ("password", credentials.password)):
        if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
            return f"the {name} must not contain control characters, such as a line break"
    return None


def validate_stream_url(url: str) -> str:
    """Return `url` stripped. Raises `InvalidStreamUrlError` that names the correct form."""
    url = url.strip()
    if " " in url or not url.isprintable():
        raise InvalidStreamUrlError(_SPACES)
    if url.partition("://")[0].lower() in SCHEMES and (separator := _ambiguous_at(url)):
        others = ", ".join(f"{sign} as %{ord(sign):02X}" for sign in "/?#@" if sign != separator)
        raise InvalidStreamUrlError(
            f"must not contain an unescaped {separator} in the user name or password: write {separator} as "
            f"%{ord(separator):02X} ({others}); an @ in the path is written as %40 too"
        )
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
    if problem := _userinfo_problem(parts):
        raise InvalidStreamUrlError(problem)
    return url


def _ambiguous_at(url: str) -> str:
    """Return the separator that may belong to a password, as in `rtsp://admin:12/34@host/live`; empty: none does.

    Such a URL has an @ behind its first `/`, `?` or `#`, and what is before that is no IP address.
    """
    _, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" not in rest[len(authority) :] or _is_address(authority.rpartition("@")[2]):
        return ""
    return rest[len(authority)]


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0])
    except ValueError:
        return False
    return True


def _userinfo_problem(parts: SplitResult) -> str | None:
    try:
        username, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except UnicodeDecodeError:
        return "must have user name and password in UTF-8 before they are percent-encoded, as in %C3%A4 for ä"
    problem = credentials_problem(Credentials(username, password))
    return f"is not usable: {problem}" if problem else None


def check_stream_path(path: str) -> None:
    """Raise ValueError unless `path` is empty, or is a valid path without credentials."""
    if not path:
        return
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("must be a path on the camera's host, such as /Streaming/Channels/102")
    if " " in path or not path.isprintable():
        raise ValueError(_SPACES)
    for sign in "#@":
        if sign in path:
            raise ValueError(f"must not contain {sign}; write it as %{ord(sign):02X}")
    if holds_secret(path):
        raise ValueError(
            "must not contain credentials; those of the camera's URL are used for this path too. Where the camera "
            "takes them in the path, write {username} and {password} in their place"
        )


def with_path(url: str, path: str) -> str:
    """Return a valid stream URL with another path and query; `path` empty: `url` itself.

    `{username}` and `{password}` in `path` become the credentials of `url`.
    """
    if not path:
        return url
    parts, (bare, _, query) = urlsplit(url), path.partition("?")
    changed = urlunsplit(parts._replace(path=bare, query=query))
    return fill_placeholders(changed, credentials_in(url))


def fill_placeholders(url: str, credentials: Credentials | None) -> str:
    """Return `url` with `{username}` and `{password}` replaced; without credentials they become empty."""
    known = credentials or Credentials("", "")
    for placeholder, value in zip(PLACEHOLDERS, (known.username, known.password), strict=True):
        url = url.replace(placeholder, quote(value, safe=""))
    return url


def credentials_in(url: str) -> Credentials | None:
    """Return the credentials of a valid stream URL: those before its host, else those in its path or query."""
    bare, credentials = split_credentials(url)
    if credentials is not None:
        return credentials
    parts = urlsplit(bare)
    found = user_and_password(f"{parts.path}?{parts.query}")
    return Credentials(*found) if found else None


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Split a valid stream URL into `(url without credentials, credentials or None)`."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=host))
    if not at:
        return bare, None
    username, _, password = userinfo.partition(":")
    return bare, Credentials(unquote(username), unquote(password))


def join_credentials(url: str, credentials: Credentials | None) -> str:
    """Join what `split_credentials` has split; special characters are percent-encoded (RFC 3986, section 3.2.1)."""
    if credentials is None:
        return url
    parts = urlsplit(url)
    userinfo = f"{quote(credentials.username, safe='')}:{quote(credentials.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


def mask_stream_url(url: str) -> str:
    """Return `url` for display: credentials, in the path too, and the whole query become `***`."""
    if _ambiguous_at(url):
        scheme, _, rest = url.partition("://")
        url = f"{scheme}://{MASK}@{rest.rpartition('@')[2]}"
    try:
        parts = urlsplit(url)
        is_token = _is_token(parts)
    except ValueError:
        return MASK
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(
        parts._replace(
            netloc=f"{MASK}@{host}" if at else host,
            path=f"/{MASK}" if is_token else mask_path(parts.path),
            query=MASK if parts.query else "",
            fragment="",
        )
    )


def public_stream_url(url: str) -> str:
    """Return a valid `url` without user info and query, and with the credentials in its path masked.

    Cameras also take passwords in the query, and there is no way to tell which parameter is one.
    """
    bare, _ = split_credentials(mask_stream_url(url))
    return urlunsplit(urlsplit(bare)._replace(query=""))


def secrets_of(url: str) -> list[str]:
    """Return every text that must not appear in any output because of this URL, the longest first.

    Redaction works by exact value: patterns miss percent-encoded and dotted users and `?token=`.
    """
    found = {url}
    _, _, rest = url.partition("://")
    if separator := _ambiguous_at(url):
        userinfo, _, _ = rest.rpartition("@")
        found |= _forms_of(userinfo) | {rest.partition(separator)[2], userinfo.partition(separator)[2]}
    try:
        parts = urlsplit(url)
        is_token = _is_token(parts)
    except ValueError:
        return _longest_first(found)
    userinfo, at, _ = parts.netloc.rpartition("@")
    if at:
        found |= _forms_of(userinfo)
    if parts.query:
        found |= {parts.query, unquote(parts.query)}
    if is_token:
        found |= {parts.path, parts.path.strip("/")}
    for text in (parts.path, f"?{parts.query}"):
        if values := secret_values(text):
            found |= values | ({text, unquote(text)} if text.startswith("/") else set())
    return _longest_first(found)


def _is_token(parts: SplitResult) -> bool:
    return parts.port in _TOKEN_PORTS and len(parts.path.strip("/")) >= _LEAST_TOKEN_LENGTH


def _forms_of(userinfo: str) -> set[str]:
    """Return how user info and its password may be written: as it is, decoded, encoded again, and as for `Basic`."""
    username, colon, password = userinfo.partition(":")
    pair = f"{unquote(username)}:{unquote(password)}"
    found = {userinfo, unquote(userinfo), base64.b64encode(pair.encode(errors="replace")).decode()}
    if colon:
        found |= {password, unquote(password), quote(unquote(password), safe="")}
    return found


def _longest_first(texts: set[str]) -> list[str]:
    return sorted((text for text in texts if len(text) > 1), key=len, reverse=True)


def redact(text: str, secrets: list[str]) -> str:
    """Return `text` with each of `secrets` replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
