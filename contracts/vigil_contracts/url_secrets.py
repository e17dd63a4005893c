"""Find credentials in the path and query of a stream URL.

Forms seen in makers' manuals: `/user=admin_password=…_channel=1_stream=0.sdp` (XMEye), `/live;pwd=…`,
`/0/admin:…/main` (Longse), `?loginuse=…&loginpas=…` (VStarcam), `?auth=<Base64>` (EZVIZ). Text is read as it is
written, with its percent signs. Pure.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

MASK = "***"
PLACEHOLDERS = ("{username}", "{password}")
"""Placeholders for the camera's credentials in a path; `stream_url.with_path` replaces them."""

_USER_ENDINGS = "user|username|usr"
_PASSWORD_ENDINGS = "password|passwd|passwort|passphrase|passcode|pass|pas|pwd|pswd|psw|secret"  # noqa: S105 names
_OTHER_NAMES = (
    "account|apikey|auth|authorization|credentials?|hash|key|login|loginuse|pin|pw|session|sessionid|sid|sig"
    "|signature|ticket|(?:access|api|auth|login|refresh|secure|session|user)?token"
)
_NAMES = rf"[a-z0-9]*(?:{_USER_ENDINGS}|{_PASSWORD_ENDINGS})|{_OTHER_NAMES}"
_PLAIN_NAMES = (
    "cam|camera|ch|chid|chn|channel|channelid|codec|fps|id|linktype|media|mode|port|profile|proto|protocol|ptype"
    "|quality|res|resolution|size|stream|streamid|streammode|streamtype|subtype|track|trackid|transport|type|unicast"
)
_EQUALS = r"(?:=|%3d)"
_PARAMETER = re.compile(rf"(?<![a-z0-9])(?P<name>{_NAMES}){_EQUALS}", re.IGNORECASE)
PASSWORD_PARAMETER = re.compile(rf"(?<![a-z0-9])[a-z0-9]*(?:{_PASSWORD_ENDINGS}){_EQUALS}", re.IGNORECASE)
# A password may contain any separator, so a value ends only at a known parameter.
_NEXT_PARAMETER = re.compile(
    rf"(?:[_&;,/?|!+]|%26|%3b)(?:real_)?(?:{_NAMES}|(?:{_PLAIN_NAMES})\d*){_EQUALS}", re.IGNORECASE
)
_PAIR = re.compile(r"(?<![^/?&;,])(?P<user>[^/?&;,=:%]+)(?::|%3a)(?P<password>[^/?&;,]+)", re.IGNORECASE)
_PLAIN_PAIR = re.compile(rf"(?:{_PLAIN_NAMES})\d*(?::|%3a)|\d\d:\d\d(?::\d\d.*)?$", re.IGNORECASE)
_SEGMENT = re.compile(r"(?<=/)(?:password|passwd|passwort|pwd)/(?P<password>[^/?]+)", re.IGNORECASE)
_BASE64 = re.compile(r"(?<![^/?&;,])[A-Za-z0-9+_-]{8,}(?:=|%3d){0,2}(?![^/?&;,])", re.IGNORECASE)
_BASIC = re.compile(rb"[\x20-\x7e]+:[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A credential at `text[start:end]`."""

    start: int
    end: int
    is_user: bool = False
    """Whether it is a user's name alone."""
    is_pair: bool = False
    """Whether it is `user:password`."""


def find_secrets(text: str) -> list[Found]:
    """Return the credentials in a path with its query, in their order; placeholders and masks are none."""
    found = [*_parameters(text), *_pairs(text), *_segments(text), *_encoded_pairs(text)]
    return sorted((one for one in found if one.start < one.end), key=lambda one: one.start)


def holds_secret(text: str) -> bool:
    """Return whether a path with its query names a user or password, even an empty one."""
    for candidate in {text, unquote(text)}:
        if any(_value(candidate, name) not in (*PLACEHOLDERS, MASK) for name in _PARAMETER.finditer(candidate)):
            return True
        if any(True for _ in (*_pairs(candidate), *_segments(candidate), *_encoded_pairs(candidate))):
            return True
    return False


def mask_path(path: str) -> str:
    """Return `path` with each credential replaced by `***`; all of it where percent signs hide one."""
    if len(find_secrets(unquote(path))) > len(find_secrets(path)):
        return f"/{MASK}"
    parts, position = [], 0
    for found in find_secrets(path):
        if found.start >= position:
            parts += [path[position : found.start], MASK]
        position = max(position, found.end)
    return "".join(parts) + path[position:]


def secret_values(text: str) -> set[str]:
    """Return what must not be shown because of this path with its query: passwords and pairs, encoded and decoded."""
    found: set[str] = set()
    for candidate in {text, unquote(text)}:
        for one in find_secrets(candidate):
            value = candidate[one.start : one.end]
            if not one.is_user:
                found |= {value, unquote(value)}
            if one.is_pair:
                password = re.split(":|%3a", value, maxsplit=1, flags=re.IGNORECASE)[1]
                found |= {password, unquote(password)}
            if encoded := _decoded(value):
                found.add(encoded.partition(":")[2])
    return found


def user_and_password(text: str) -> tuple[str, str] | None:
    """Return the user and password that a path with its query holds, decoded; None where there is no password."""
    user = password = None
    for name in _PARAMETER.finditer(text):
        value = unquote(_value(text, name))
        if re.search(f"(?:{_USER_ENDINGS}|loginuse)$", name["name"], re.IGNORECASE):
            user = value if user is None else user
        elif re.search(f"(?:{_PASSWORD_ENDINGS}|pw)$", name["name"], re.IGNORECASE):
            password = value if password is None else password
    if password is not None:
        return user or "", password
    pair = next(_pairs(text), None)
    if pair is None:
        return None
    user, _, password = unquote(text[pair.start : pair.end]).partition(":")
    return user, password


def _value(text: str, name: re.Match[str]) -> str:
    return text[name.end() : _end_of_value(text, name.end())]


def _end_of_value(text: str, start: int) -> int:
    following = _NEXT_PARAMETER.search(text, start)
    return following.start() if following else len(text)


def _parameters(text: str) -> Iterator[Found]:
    for name in _PARAMETER.finditer(text):
        if _value(text, name) in (*PLACEHOLDERS, MASK):
            continue
        is_user = re.fullmatch(rf"[a-z0-9]*(?:{_USER_ENDINGS})|loginuse|account|login", name["name"], re.IGNORECASE)
        yield Found(name.end(), _end_of_value(text, name.end()), is_user=is_user is not None)


def _pairs(text: str) -> Iterator[Found]:
    for pair in _PAIR.finditer(text):
        if not _PLAIN_PAIR.match(pair[0]) and pair[0] != ":".join(PLACEHOLDERS):
            yield Found(pair.start(), pair.end(), is_pair=True)


def _segments(text: str) -> Iterator[Found]:
    """Find `/user/admin/password/…/`: the name and the password are segments of the path."""
    for named in _SEGMENT.finditer(text.partition("?")[0]):
        if named["password"] not in (*PLACEHOLDERS, MASK):
            yield Found(named.start("password"), named.end("password"))


def _encoded_pairs(text: str) -> Iterator[Found]:
    for match in _BASE64.finditer(text):
        if _decoded(match[0]):
            yield Found(match.start(), match.end())


def _decoded(word: str) -> str | None:
    """Return the `user:password` that is written in Base64, as for `Basic`; None: the word is something else."""
    word = unquote(word).rstrip("=")
    try:
        decoded = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return None
    return decoded.decode() if _BASIC.fullmatch(decoded) else None
