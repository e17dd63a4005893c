"""Log lines: one format for people, one for machines; each with its camera, none with a secret.

Redaction is by exact value: whoever holds a secret registers it here before using it, and the formatter replaces it
in everything that is written, tracebacks included.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from vigil_contracts.stream_url import MASK


class Redactor:
    """The secrets that must not be written. Thread-safe; those of a camera that is gone stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Secrets from now on; one of a single character would mask all text and is left out."""
        with self._lock:
            together = {*self._secrets, *(secret for secret in secrets if len(secret) > 1)}
            self._secrets = tuple(sorted(together, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


redactor = Redactor()


def camera_logger(camera_id: int) -> "logging.LoggerAdapter[logging.Logger]":
    """A logger whose lines carry the camera."""
    return logging.LoggerAdapter(logging.getLogger("cctv"), {"camera": camera_id})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        camera = getattr(record, "camera", None)
        who = f" camera {camera}:" if camera is not None else ""
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "seconds")
        line = f"{at} {record.levelname.lower()}{who} {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redactor(line)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": redactor(record.getMessage()),
        }
        camera = getattr(record, "camera", None)
        if camera is not None:
            fields["camera"] = camera
        if record.exc_info:
            fields["exception"] = redactor(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


def set_up(log_format: Literal["json", "text"], level: str) -> None:
    """All logging of the process to standard error, and exceptions that nobody caught with it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries speak up when something is wrong, not before
    logging.getLogger("cctv").setLevel(level.upper())
    logging.captureWarnings(True)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger("cctv").critical("unexpected end", exc_info=(kind, error, trace))

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and arguments.exc_type is not SystemExit:
            uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
