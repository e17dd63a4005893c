"""A `cctv` program under test: start, kill and start again on the same ports, its output and its metrics."""

import os
import re
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.cluster.polling import eventually
from tests.cluster.processes import ProcessFailedError, free_ports


class CctvProcess(ABC):
    """One `cctv` program. `settings` are its VIGIL_ variables; those of the test run are not inherited.

    Unlike a `Service`, it is not started at once, since tests change its folder first, and its exit status and output
    are results.
    """

    def __init__(self, log: Path, command: Sequence[str], settings: Mapping[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log, self.command = log, list(command)
        (self.status_port,) = free_ports(1)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
        self.environment = {
            **inherited,
            "VIGIL_METRICS_PORT": str(self.status_port),
            "VIGIL_MODEL_FETCH": "0",
            "PYTHONWARNINGS": "error",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it does its work. Raises `ProcessFailedError` if it has ended."""

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until it is ready."""
        eventually(self.is_ready, timeout_seconds, f"cctv is ready; it said:\n{self.output[-3000:]}")

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self, timeout_seconds: float = 15.0) -> int:
        """Send SIGTERM and return the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_seconds)

    def end(self) -> None:
        """End it by any means; does nothing if it is not running."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def output(self) -> str:
        """Return its complete output."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def get(self, path: str) -> httpx.Response:
        """Request a path of its status port. Raises `ProcessFailedError` if the process has ended."""
        self.check_runs()
        return httpx.get(f"http://127.0.0.1:{self.status_port}{path}", timeout=5, verify=False)

    def check_runs(self) -> None:
        """Raise `ProcessFailedError`, with the end of the output, if the process has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise ProcessFailedError(f"cctv ended with {self.process.returncode}:\n{self.output[-3000:]}")

    def metrics(self) -> str:
        """Return /metrics; empty until the port is open. Retries after a time-out."""
        for _ in range(6):
            try:
                return self.get("/metrics").text
            except httpx.ConnectError:
                return ""
            except httpx.TransportError:
                continue
        raise AssertionError(f"/metrics does not answer; cctv said:\n{self.output[-3000:]}")

    def samples(self, name: str, **labels: str) -> list[float]:
        """Return the values of a metric that have these labels."""
        return [
            float(sample.value)
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Return the resident memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", self._proc("status"))
        assert found is not None
        return int(found[1]) * 1024

    def threads(self) -> int:
        """Return the number of threads."""
        return self._count("task")

    def open_files(self) -> int:
        """Return the number of open file descriptors."""
        return self._count("fd")

    def _proc(self, name: str) -> str:
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def _count(self, name: str) -> int:
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/{name}").iterdir()))
