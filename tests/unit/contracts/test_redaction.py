"""Output contains no credentials, and user text cannot forge a log line."""

import json

import pytest

from vigil_contracts.redaction import Redactor, escape_controls, log_json, log_message, log_trace, mask_urls


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("open rtsp://u:p%40@h:554/x failed", "open rtsp://***@h:554/x failed"),
        ("rtsp://u.v:p@w@h/x", "rtsp://***@h/x"),
        ("RTSPS://u:p@h/x", "rtsps://***@h/x"),
        ("postgres://u:p@h/x?sslmode=require", "postgres://***@h/x?sslmode=require"),
        ("rtsp://h/x?user=u&password=p failed", "rtsp://h/x?*** failed"),
        ("rtsp://u:12/34secret@10.0.0.8/live, retrying", "rtsp://***@10.0.0.8/live, retrying"),
        ("'rtsp://h/user=admin_password=p_channel=1'", "'rtsp://h/user=***_password=***_channel=1'"),
        ("rtsp://u:it's@h/x", "rtsp://***@h/x"),
        ("GET /user=admin_password=p_channel=1 200", "GET /user=***_password=***_channel=1 200"),
        ("see https://vigil.example/docs?page=2#top", "see https://vigil.example/docs?page=2#top"),
        ("the password is wrong; user=anna", "the password is wrong; user=anna"),
    ],
)
def test_urls_in_a_text_lose_their_credentials(text: str, masked: str) -> None:
    assert mask_urls(text) == masked


def test_known_secrets_are_replaced_longest_first() -> None:
    redactor = Redactor()
    redactor.add(["hunter", "hunter22", "x"])
    assert redactor("hunter22 hunter x") == "*** *** x"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\r\tand", r"two\nlines\r\tand"),
        ("bell\x07 escape\x1b[31m next\x85line", r"bell\x07 escape\x1b[31m next\x85line"),
        ("separator\u2028 turned\u202e", r"separator\u2028 turned\u202e"),
        ("Jörg's gate, 門", "Jörg's gate, 門"),
    ],
)
def test_no_text_ends_its_line(text: str, line: str) -> None:
    assert escape_controls(text) == line == log_message(text)
    (written,) = log_json({"message": text, "camera": 7}).splitlines()
    assert written.isprintable()
    assert json.loads(written) == {"message": text, "camera": 7}


def test_a_traceback_is_indented_and_redacted() -> None:
    trace = "Traceback:\nValueError: rtsp://u:p@h/x\n2026-11-29T10:00:00Z INFO forged\r2026"
    assert log_trace(trace).split("\n") == [
        "  Traceback:",
        "  ValueError: rtsp://***@h/x",
        "  2026-11-29T10:00:00Z INFO forged\\r2026",
    ]
