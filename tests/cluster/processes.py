"""Server processes that tests start, freeze, kill and start again, each in a process group of its own.

Whatever happens to the test run, none is left behind: an orderly end kills them by their group, and the `Reaper`
does so when the run itself is killed.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.reaper import Reaper
from tests.priority import share_niceness


class ProcessFailedError(RuntimeError):
    """A server ended or did not become ready; the message carries the end of its log."""


class ServerProcess:
    """One server program with its log file. `start` may be called again after `kill` or `stop`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        reaper: Reaper,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._environment = environment
        self._reaper = reaper
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running process's number. Raises ProcessFailedError when it does not run."""
        if self._process is None:
            raise ProcessFailedError(f"{self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self.is_running:
            raise ProcessFailedError(f"{self.name} runs already, as {self.pid}")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if self._environment is None else dict(self._environment),
            )
        share_niceness(self._process.pid)
        self._reaper.watch(self._process.pid)

    def freeze(self) -> None:
        """Stops the process where it is (SIGSTOP): connections stay open and nothing answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends the whole group at once (SIGKILL) and waits until it is gone. Nothing happens when it does not run."""
        self._end(signal.SIGKILL, timeout_seconds=20)

    def stop(self, timeout_seconds: float = 30) -> None:
        """Asks it to end (SIGTERM); after the timeout it is killed."""
        self._end(signal.SIGTERM, timeout_seconds)

    def wait_until(self, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Polls until `is_ready`. Raises ProcessFailedError when the process ends or the time is up."""
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            if not self.is_running:
                status = self._process.returncode if self._process else None
                raise ProcessFailedError(
                    f"{self.name} ended with status {status}. Its log ends with:\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                text = (
                    f"{self.name} was not ready after {timeout_seconds:.0f} s. Its log ends with:\n{self.log_tail()}"
                )
                raise ProcessFailedError(text)
            time.sleep(0.05)

    def log_tail(self, lines: int = 15) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, how: signal.Signals, timeout_seconds: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        if how == signal.SIGKILL:
            _wait_until_group_is_gone(process.pid)
        self._reaper.forget(process.pid)


def group_lives(pid: int) -> bool:
    """Whether a process of the group still exists; one that has ended but was not waited for does not count."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            return True
    return False


def _wait_until_group_is_gone(pid: int, timeout_seconds: float = 20) -> None:
    """The leader's children end on their own time, after it."""
    deadline = time.monotonic() + timeout_seconds
    while group_lives(pid):
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"the children of process {pid} outlived SIGKILL by {timeout_seconds:.0f} s")
        time.sleep(0.01)


_given_away: set[int] = set()


def free_ports(count: int) -> list[int]:
    """So many different TCP ports of the loopback interface that nothing listens on.

    They lie below Linux's range for outgoing connections (32768 and up), so that none of those takes a server's port
    while the server is being restarted. No port is given away twice, by this process or by another of pytest-xdist's
    workers: a server listens some seconds after it was given its port, and not while it is being restarted.
    """
    ports: list[int] = []
    candidates = sorted(set(_ports_of_this_worker()) - _given_away)
    for candidate in random.sample(candidates, min(500, len(candidates))):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
        ports.append(candidate)
        if len(ports) == count:
            _given_away.update(ports)
            return ports
    raise OSError(f"fewer than {count} free ports among 500 tried between 20000 and 32000")


def _ports_of_this_worker() -> range:
    """Return this worker's share of the ports: of two workers, each has every second port."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return range(20_000 + number, 32_000, workers)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_free(port: int, timeout_seconds: float = 30) -> None:
    """Waits until nothing listens on the port: an old API server shuts down slowly. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_seconds
    while is_listening(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"port {port} is still in use after {timeout_seconds:.0f} s")
        time.sleep(0.05)
