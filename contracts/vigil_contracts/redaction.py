"""Log lines of all programs: without secrets, and one event cannot look like several.

Whoever holds a secret gives its values to `redactor` before using it; they are replaced exactly as they are. URLs
lose their credentials besides, whoever logs them: a last net under code that must not log them in the first place.
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
    """The secrets that must not be written. Thread-safe; those of a camera that is gone stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Redact these from now on; one of a single character would mask all text and is left out."""
        with self._lock:
            together = {*self._secrets, *(secret for secret in secrets if len(secret) > 1)}
            self._secrets = tuple(sorted(together, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """Return `text` without the known secrets and without credentials in URLs."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_urls(text)


redactor = Redactor()
"""The process's own."""


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
    """Return `text` as one line: whatever ends a line, moves the cursor or turns the writing direction is escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def log_message(text: str) -> str:
    """Return a message as a log of text may hold it: redacted, in one line."""
    return escape_controls(redactor(text))


def log_trace(text: str) -> str:
    """Return a traceback as a log of text may hold it: redacted, each line indented as no event is."""
    return "\n".join(f"  {escape_controls(line)}" for line in redactor(text).split("\n"))


def log_json(fields: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON, its texts redacted."""
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
