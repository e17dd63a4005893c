"""Logs: one line an event, on stderr, as JSON or text. URLs lose their credentials whoever logs them."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

_URL_WITH_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/'\"]*@", re.IGNORECASE)
_STREAM_QUERY = re.compile(r"(?P<url>rtsps?://[^\s?'\"]*)\?[^\s'\"]*", re.IGNORECASE)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# What Django and asgiref add to records and is either noise or holds a whole request.
_LEFT_OUT = frozenset({"request", "server_time", "color_message"})


def mask(text: str) -> str:
    """A last net under code that must not log URLs with credentials in the first place."""
    text = _URL_WITH_CREDENTIALS.sub(r"\g<scheme>***@", text)
    return _STREAM_QUERY.sub(r"\g<url>?***", text)


class TextFormatter(logging.Formatter):
    """`2026-11-23T13:00:00Z INFO logger message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 the base's name
        """The time in UTC, RFC 3339."""
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        return mask(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD and k not in _LEFT_OUT}
        entry |= {
            name: value if isinstance(value, int | float | bool) else str(value) for name, value in extra.items()
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return mask(json.dumps(entry, ensure_ascii=False))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logging_configuration(*, level: str, log_format: str) -> dict[str, Any]:
    """The dictionary for `logging.config.dictConfig`."""
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write a second line, unmasked, and mail administrators.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
        },
    }
