"""The log formats of all programs: one event is one line, whatever users wrote, and none shows a password."""

from __future__ import annotations

import json
import logging
import sys

import pytest

import cctv.logs
import surveillance_backend.log_settings
import vigil_operator.logs

TEXT = {
    "backend": surveillance_backend.log_settings.TextFormatter,
    "detector": cctv.logs._TextFormatter,
    "operator": vigil_operator.logs.TextFormatter,
}
JSON = {
    "backend": surveillance_backend.log_settings.JsonFormatter,
    "detector": cctv.logs._JsonFormatter,
    "operator": vigil_operator.logs.JsonFormatter,
}
FORGED = "yolov8n\n2026-11-29T10:00:00Z INFO audit anna signed in\x1b[2K\u2028x"
STREAM = "rtsp://10.0.0.8/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp"


def record() -> logging.LogRecord:
    try:
        raise ValueError(f"{FORGED} of {STREAM}")
    except ValueError:
        return logging.LogRecord("x", logging.INFO, "x.py", 1, "model %s of %s", (FORGED, STREAM), sys.exc_info())


@pytest.mark.parametrize("program", TEXT)
def test_a_line_of_text_cannot_be_forged_and_shows_no_password(program: str) -> None:
    first, *others = TEXT[program]().format(record()).split("\n")
    assert "model yolov8n\\n2026-11-29T10:00:00Z INFO audit anna" in first
    assert others
    assert all(line.startswith("  ") for line in others), "a traceback is indented, an event is not"
    assert all(line.isprintable() for line in (first, *others))
    assert "tlJwpbo6" not in "".join((first, *others))


@pytest.mark.parametrize("program", JSON)
def test_a_line_of_json_is_one_line_and_shows_no_password(program: str) -> None:
    (line,) = JSON[program]().format(record()).splitlines()
    assert line.isprintable()
    assert json.loads(line)["message"].startswith(f"model {FORGED} of rtsp://10.0.0.8/user=***")
    assert "tlJwpbo6" not in line
