"""Log format: one for people, one for machines. Each line names its camera and contains no secret."""

import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from vigil_contracts.redaction import Redactor as Redactor
from vigil_contracts.redaction import log_json, log_message, log_trace
from vigil_contracts.redaction import redactor as redactor


def camera_logger(camera_id: int) -> "logging.LoggerAdapter[logging.Logger]":
    """Return a logger whose lines name the camera."""
    return logging.LoggerAdapter(logging.getLogger("cctv"), {"camera": camera_id})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        camera = getattr(record, "camera", None)
        who = f" camera {camera}:" if camera is not None else ""
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "seconds")
        line = f"{at} {record.levelname.lower()}{who} {log_message(record.getMessage())}"
        if record.exc_info:
            line += "\n" + log_trace(self.formatException(record.exc_info))
        return line


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        camera = getattr(record, "camera", None)
        if camera is not None:
            fields["camera"] = camera
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return log_json(fields)


def set_up(log_format: Literal["json", "text"], level: str) -> None:
    """Send all logging of the process and uncaught exceptions to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries log problems only
    logging.getLogger("cctv").setLevel(level.upper())
    logging.captureWarnings(True)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger("cctv").critical("unexpected end", exc_info=(kind, error, trace))

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and arguments.exc_type is not SystemExit:
            uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
