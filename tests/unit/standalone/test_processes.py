"""Child processes are restarted, stopped in time, and do not receive the supervisor's secrets."""

import sys
import time
from collections.abc import Callable

import pytest

from vigil_standalone import processes
from vigil_standalone.processes import Child


def until(done: Callable[[], bool], timeout_seconds: float = 10) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def child(code: str, lines: list[str], stop_timeout_seconds: float = 5) -> Child:
    return Child(
        "part", [sys.executable, "-u", "-c", code], {}, lambda _, line: lines.append(line), stop_timeout_seconds
    )


def test_ended_child_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_FIRST_RESTART_SECONDS", 0.05)
    lines: list[str] = []
    made = child("print('up'); raise SystemExit(3)", lines)
    made.start()

    def watched_twice() -> bool:
        made.watch()
        return lines.count("up") >= 2

    until(watched_twice)
    made.stop()
    assert "ended with status 3; starting it again in 0 s" in lines


def test_a_child_that_ignores_the_request_is_killed() -> None:
    lines: list[str] = []
    made = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)",
        lines,
        stop_timeout_seconds=0.2,
    )
    made.start()
    until(lambda: "up" in lines)
    made.stop()
    assert not made.is_running
    assert lines[-1] == "does not end; killing it"


def test_a_child_does_not_inherit_the_cameras_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA", "rtsp://u:marked-password@camera/")
    monkeypatch.setenv("MAKEFLAGS", " -- CAMERA=rtsp://u:marked-password@camera/")
    lines: list[str] = []
    made = child("import os; print(dict(os.environ)); print('end')", lines)
    made.start()
    until(lambda: "end" in lines)
    made.stop()
    assert "marked-password" not in "".join(lines)
