"""Child processes: start, monitor, restart with back-off, and stop in order.

Each child has its own session, so that Ctrl-C reaches only the supervisor, which then decides the order. If the
supervisor is killed, the kernel ends its children (Linux `PR_SET_PDEATHSIG`).
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from vigil_contracts.backoff import Backoff

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FIRST_RESTART_SECONDS = 1.0
_LONGEST_RESTART_SECONDS = 30.0
_HEALTHY_AFTER_SECONDS = 60.0


_NOT_INHERITED = ("CAMERA", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")
"""Settings that children must not inherit: an RTSP URL may contain a password."""


def inherited_environment() -> dict[str, str]:
    """Return the environment from which children start."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """A program that must run. `on_line` receives each line that it prints."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    on_line: Callable[[str, str], None]
    stop_timeout_seconds: float = 8.0
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)
    _started_at: float = field(default=0.0, init=False)
    _restart_at: float | None = field(default=None, init=False)
    _backoff: Backoff = field(
        default_factory=lambda: Backoff(_FIRST_RESTART_SECONDS, _LONGEST_RESTART_SECONDS), init=False
    )

    def start(self) -> None:
        """Start the program."""
        self._restart_at = None
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self.arguments,
            env={**inherited_environment(), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self.on_line(self.name, line.rstrip())

    @property
    def is_running(self) -> bool:
        """Return whether the program is running."""
        return self._process is not None and self._process.poll() is None

    def watch(self) -> None:
        """Restart a program that has ended, with growing pauses if it keeps ending. Call it often."""
        now = time.monotonic()
        if self.is_running:
            if now - self._started_at > _HEALTHY_AFTER_SECONDS:
                self._backoff.reset()
            return
        if self._restart_at is None:
            delay = self._backoff.next_seconds()
            self._restart_at = now + delay
            status = self._process.returncode if self._process else "none"
            self.on_line(self.name, f"ended with status {status}; starting it again in {delay:.0f} s")
        elif now >= self._restart_at:
            self.start()

    def stop(self) -> None:
        """Ask the program to end, and kill it after `stop_timeout_seconds`."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(self.stop_timeout_seconds)
            except subprocess.TimeoutExpired:
                self.on_line(self.name, "does not end; killing it")
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join(timeout=2)
