"""The real `cctv serve-model` as a process.

with inference_program(tmp_path, model) as server:
    server.url, server.name
    server.kill(); server.start()      # gone, and back on the same port
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from tests.cluster.processes import free_ports
from tests.integration.services.cctv_process import CctvProcess


class InferenceProcess(CctvProcess):
    """One `cctv serve-model`. Killing and starting it again keeps its ports."""

    def __init__(self, directory: Path, model: str | Path, settings: Mapping[str, str], python: str) -> None:
        self.name = Path(model).name
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            directory / "serve-model.log",
            [python, "-m", "cctv", "serve-model", str(model)],
            {"VIGIL_INFERENCE_PORT": str(port), "VIGIL_INFERENCE_DRAIN_SECONDS": "0", **settings},
        )

    def is_ready(self) -> bool:
        """Return whether it serves its model."""
        self.check_runs()
        try:
            return httpx.get(f"{self.url}/v2/health/ready", timeout=5, verify=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples; 0.0 where there is none."""
        return sum(self.samples(name, **labels))


@contextlib.contextmanager
def inference_program(
    directory: Path, model: str | Path, settings: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[InferenceProcess]:
    """A server that is not started yet; ended afterwards."""
    process = InferenceProcess(directory, model, settings or {}, python)
    try:
        yield process
    finally:
        process.end()
