"""The audit log is read while the API server appends to it."""

import json
from pathlib import Path

from tests.cluster.audit import AuditLog


def line_of(name: str) -> str:
    entry = {
        "requestReceivedTimestamp": "2026-03-01T12:00:00.000000Z",
        "user": {"username": "operator"},
        "verb": "create",
        "objectRef": {"resource": "secrets", "name": name},
    }
    return json.dumps(entry) + "\n"


def test_a_line_that_was_being_written_at_the_mark_belongs_to_the_time_before(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log, half = AuditLog(path), len(line_of("before")) // 2
    path.write_text(line_of("before")[:half])
    mark = log.mark()
    with path.open("a") as file:
        file.write(line_of("before")[half:] + line_of("after") + line_of("unfinished")[:half])

    assert [event.name for event in log.events(since=mark)] == ["after"]
    assert [event.name for event in log.events()] == ["before", "after"]


def test_a_mark_between_two_lines_loses_none(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    assert log.mark() == 0
    path.write_text(line_of("before"))
    mark = log.mark()
    with path.open("a") as file:
        file.write(line_of("after"))

    assert [event.name for event in log.events(since=mark)] == ["after"]
