"""Logging: one line per event on stderr, as JSON or text. Credentials in URLs are always redacted."""

import logging
from datetime import UTC, datetime
from typing import Any

from vigil_contracts.redaction import log_json, log_message, log_trace

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Attributes that Django and asgiref add to records: noise, or a whole request.
_LEFT_OUT = frozenset({"request", "server_time", "color_message"})


class TextFormatter(logging.Formatter):
    """`2026-11-23T13:00:00Z INFO logger message`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, redacted."""
        line = f"{_time(record)} {record.levelname} {record.name} {log_message(record.getMessage())}"
        traces = [self.formatException(record.exc_info)] if record.exc_info else []
        traces += [self.formatStack(record.stack_info)] if record.stack_info else []
        return "\n".join([line, *map(log_trace, traces)])


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message and the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, redacted."""
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
        return log_json(entry)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logging_configuration(*, level: str, log_format: str) -> dict[str, Any]:
    """Return the dictionary for `logging.config.dictConfig`."""
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write a second, unredacted line and send e-mails to administrators.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # Four lines for each successful sign-in; a failed one is a warning.
            "axes": {"handlers": [], "level": "WARNING", "propagate": True},
            # A line for each request to an identity provider; failures are logged by the caller.
            "httpx": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }
