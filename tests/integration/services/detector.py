"""The real `cctv` as a process, with its settings, status port and output.

with detector(tmp_path, api_url=backend.url, token=token) as cctv:               # poll mode
with detector(tmp_path, api_url=backend.url, token=token, camera_id=3) as cctv:  # pod mode
    cctv.wait_ready(30)
    cctv.metric("vigil_spool_alerts", camera="3")
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.cluster.processes import free_ports

from vigil_contracts.alert import AlertSubmission
from vigil_contracts.names import AlertType

Predicate = Callable[[], bool]


def wait_until(condition: Predicate, timeout_seconds: float, what: str) -> None:
    """Poll until `condition` is true."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds} s: {what}"
        time.sleep(0.05)


class DetectorProcess:
    """One `cctv`. Killing and starting it again keeps its spool and its status port."""

    def __init__(
        self,
        directory: Path,
        api_url: str,
        token: str,
        camera_id: int | None,
        settings: Mapping[str, str],
        python: str = sys.executable,
        *,
        is_prober: bool = False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.is_prober = is_prober
        self.directory, self.camera_id, self.python = directory, camera_id, python
        (self.status_port,) = free_ports(1)
        self.token_file = directory / "token"
        self.token_file.write_text(token)
        self.log = directory / "cctv.log"
        self.spool = directory / "spool"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
        self.environment = {
            **inherited,
            "VIGIL_API_URL": api_url,
            "VIGIL_TOKEN_FILE": str(self.token_file),
            "VIGIL_SPOOL_DIR": str(self.spool),
            "VIGIL_METRICS_PORT": str(self.status_port),
            "VIGIL_MODEL_FETCH": "0",
            "VIGIL_STREAM_ALLOWED_NETWORKS": "127.0.0.0/8",
            "PYTHONWARNINGS": "error",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        command = [self.python, "-m", "cctv"]
        if self.camera_id is not None:
            command += ["--camera", str(self.camera_id)]
        if self.is_prober:
            command += ["--prober"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

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
        """Request a path of its status port."""
        return httpx.get(f"http://127.0.0.1:{self.status_port}{path}", timeout=5, verify=False)

    def is_ready(self) -> bool:
        """Return whether `/readyz` returns 200."""
        assert self.process is not None
        assert self.process.poll() is None, f"cctv ended with {self.process.returncode}:\n{self.output[-3000:]}"
        try:
            return self.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_ready(self, timeout_seconds: float) -> None:
        """Wait until frames arrive."""
        wait_until(self.is_ready, timeout_seconds, f"cctv is ready; it said:\n{self.output[-3000:]}")

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of /metrics; 0.0 if it does not exist yet. Fails if the process has ended."""
        for family in text_string_to_metric_families(self.metrics()):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0

    def metrics(self) -> str:
        """Return /metrics; empty until the port is open. Retries after a time-out. Fails like `metric`."""
        assert self.process is not None
        for _ in range(6):
            assert self.process.poll() is None, f"cctv ended with {self.process.returncode}:\n{self.output[-3000:]}"
            try:
                return self.get("/metrics").text
            except httpx.ConnectError:
                return ""
            except httpx.TransportError:
                continue
        raise AssertionError(f"/metrics does not answer; cctv said:\n{self.output[-3000:]}")

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Return the resident memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def threads(self) -> int:
        """Return the number of threads."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def open_files(self) -> int:
        """Return the number of open file descriptors."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextlib.contextmanager
def detector(
    directory: Path,
    *,
    api_url: str,
    token: str,
    camera_id: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[DetectorProcess]:
    """Run a detector and stop it afterwards."""
    process = DetectorProcess(directory, api_url, token, camera_id, settings or {})
    process.start()
    try:
        yield process
    finally:
        process.end()


def a_person(camera: int) -> AlertSubmission:
    """Return a new alert about a person with the current time."""
    return AlertSubmission(
        event_id=uuid.uuid4().hex,
        camera=camera,
        alert_type=AlertType.PERSON,
        confidence=0.9,
        timestamp=datetime.now(UTC),
    )
