"""The real `cctv serve-model` as a process.

with inference_program(tmp_path, model) as server:
    server.url, server.name
    server.kill(); server.start()      # gone, and back on the same port
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.cluster.processes import free_ports
from tests.integration.services.detector import wait_until


class InferenceProcess:
    """One `cctv serve-model`. Killing and starting it again keeps its ports."""

    def __init__(self, directory: Path, model: str | Path, settings: Mapping[str, str], python: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = Path(model).name
        self.log = directory / "serve-model.log"
        self._command = [python, "-m", "cctv", "serve-model", str(model)]
        port, self.status_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
        self._environment = {
            **inherited,
            "VIGIL_INFERENCE_PORT": str(port),
            "VIGIL_INFERENCE_DRAIN_SECONDS": "0",
            "VIGIL_METRICS_PORT": str(self.status_port),
            "VIGIL_MODEL_FETCH": "0",
            "PYTHONWARNINGS": "error",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is added to the log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until it serves."""
        wait_until(self._is_ready, timeout_seconds, f"serve-model is ready; it said:\n{self.output[-3000:]}")

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of /metrics; 0.0 where there is none."""
        text = httpx.get(f"http://127.0.0.1:{self.status_port}/metrics", timeout=10).text
        return sum(
            float(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output[-3000:]}"
        try:
            return httpx.get(f"{self.url}/v2/health/ready", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


@contextlib.contextmanager
def inference_program(
    directory: Path, model: str | Path, settings: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[InferenceProcess]:
    """A server that is not started yet; ended afterwards."""
    process = InferenceProcess(directory, model, settings or {}, python)
    try:
        yield process
    finally:
        if process.process is not None and process.process.poll() is None:
            try:
                process.stop()
            except subprocess.TimeoutExpired:
                process.kill()
