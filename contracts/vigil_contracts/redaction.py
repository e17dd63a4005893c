"""Log lines of all programs: without secrets, and safe against log injection.

Code that holds a secret registers it with `redactor` before using it; registered values are always replaced.
Credentials in URLs are also removed, as a safety net for code that must not log them in the first place.
"""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from vigil_contracts.stream_url import SCHEMES, mask_stream_url
from vigil_contracts.url_secrets import MASK, PASSWORD_PARAMETER, mask_path

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^\s/?#]*@)?[^\s'\"<>]*", re.IGNORECASE)
_USER_INFO = re.compile(r"://[^\s/]*@")
_WORD = re.compile(r"[^\s'\"<>]+")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Redactor:
    """The secrets to redact. Thread-safe; those of a deleted camera stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Redact these from now on; single characters are ignored, since they would mask all text."""
        with self._lock:
            together = {*self._secrets, *(secret for secret in secrets if len(secret) > 1)}
            self._secrets = tuple(sorted(together, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """Return `text` without the known secrets and without credentials in URLs."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_urls(text)


redactor = Redactor()
"""This process's redactor."""


def mask_urls(text: str) -> str:
    """Return `text` with the credentials of each URL in it replaced by `***`, and passwords in `password=…`."""
    text = _URL.sub(_masked_url, text)
    return _WORD.sub(_masked_word, text) if PASSWORD_PARAMETER.search(text) else text


def _masked_url(url: re.Match[str]) -> str:
    if url["scheme"].lower() in SCHEMES:
        return mask_stream_url(url[0])
    return _USER_INFO.sub(f"://{MASK}@", url[0], count=1)


def _masked_word(word: re.Match[str]) -> str:
    return mask_path(word[0]) if PASSWORD_PARAMETER.search(word[0]) else word[0]


def escape_controls(text: str) -> str:
    """Return `text` as one line: line breaks, cursor movements and direction changes are escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def log_message(text: str) -> str:
    """Return a message for a text log: redacted, in one line."""
    return escape_controls(redactor(text))


def log_trace(text: str) -> str:
    """Return a traceback for a text log: redacted, each line indented to distinguish it from events."""
    return "\n".join(f"  {escape_controls(line)}" for line in redactor(text).split("\n"))


def log_json(fields: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON with redacted texts."""
    shown = {name: redactor(value) if isinstance(value, str) else value for name, value in fields.items()}
    line = json.dumps(shown, ensure_ascii=False)
    return (
        line if line.isprintable() else "".join(sign if sign.isprintable() else _json_escaped(sign) for sign in line)
    )


def _escaped(sign: str) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escaped(sign: str) -> str:
    return json.dumps(sign)[1:-1]
