"""Logs that name the camera in every line: JSON for machines, one readable line for terminals."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from vigil_contracts.redaction import log_json, log_message, log_trace

_camera: ContextVar[str] = ContextVar("camera", default="")

QUIET_LIBRARIES = ("httpx", "httpcore", "aiohttp.access", "asyncio")


@contextmanager
def about_camera(name: object) -> Iterator[None]:
    """Add the camera's name to every line logged inside."""
    token = _camera.set(str(name))
    try:
        yield
    finally:
        _camera.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _camera.get():
            line["camera"] = _camera.get()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return log_json(line)


class TextFormatter(logging.Formatter):
    """`12:00:01 INFO    cam-7: text`."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        camera = f" [{_camera.get()}]" if _camera.get() else ""
        level = record.levelname + camera + " " * (7 - len(record.levelname))
        line = f"{self.formatTime(record, '%H:%M:%S')} {level} {log_message(record.getMessage())}"
        return f"{line}\n{log_trace(self.formatException(record.exc_info))}" if record.exc_info else line


def configure_logging(level: str, style: str) -> None:
    """Send all logging to standard error. `style`: json, text or auto (text on a terminal)."""
    handler = logging.StreamHandler(sys.stderr)
    readable = style == "text" or (style == "auto" and sys.stderr.isatty())
    handler.setFormatter(TextFormatter() if readable else JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    # kopf logs the start of each watch; only its warnings matter here.
    logging.getLogger("kopf").setLevel(logging.WARNING if level != "DEBUG" else logging.DEBUG)
    # It warns that it does not handle signals, which is intended.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
