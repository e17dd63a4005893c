"""A real Prometheus for the tests: Debian's, unpacked without installation.

with prometheus_server({"vigil-backend": [Target("127.0.0.1:8000/metrics")]}) as prometheus:
    prometheus.query("up")
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tools import system_packages

CACHE = Path.home() / ".cache" / "vigil" / "prometheus"


@dataclass(frozen=True)
class Target:
    """A program to scrape, with labels as a PodMonitor or ServiceMonitor would add them."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


class PrometheusServer(Service):
    """One server that scrapes every second."""

    def __init__(
        self,
        programs: Path,
        directory: Path,
        jobs: Mapping[str, Sequence[Target]],
        rules: Sequence[Path],
        reaper: Reaper,
    ) -> None:
        (self.port,) = free_ports(1)
        configuration = directory / "prometheus.yml"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {
                            "job_name": name,
                            "static_configs": [
                                {"targets": [target.address], "labels": dict(target.labels)} for target in targets
                            ],
                        }
                        for name, targets in jobs.items()
                    ],
                }
            )
        )
        command: list[str | Path] = [
            programs / "prometheus",
            f"--config.file={configuration}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self.process = ServerProcess("prometheus", command, directory / "prometheus.log", reaper)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False, verify=False)

    def close(self) -> None:
        """Close the client's connections."""
        self._http.close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the current series of the expression. Raises `httpx.HTTPStatusError` with Prometheus' error."""
        answer = self._http.post("/api/v1/query", data={"query": expression})
        if answer.is_error:
            raise AssertionError(f"{expression}: {answer.text}")
        data = answer.json()["data"]
        return [{"value": data["result"]}] if data["resultType"] == "scalar" else list(data["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with the result of its last evaluation."""
        groups = self._http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def is_ready(self) -> bool:
        """Return whether `/-/ready` returns 200."""
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def ensure_programs() -> Path:
    """Return the folder of `prometheus` and `promtool`. Raises MissingPackagesError if Debian's are unavailable."""
    found = shutil.which("promtool")
    if found and shutil.which("prometheus"):
        return Path(found).parent
    programs = CACHE / "usr" / "bin"
    if not (programs / "promtool").exists():
        fresh = CACHE.with_name(f"{CACHE.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        system_packages.unpack(["prometheus"], fresh)
        shutil.rmtree(CACHE, ignore_errors=True)
        fresh.rename(CACHE)
    return programs


@contextlib.contextmanager
def prometheus_server(jobs: Mapping[str, Sequence[Target]], rules: Sequence[Path] = ()) -> Iterator[PrometheusServer]:
    """Run a server with temporary data."""
    with server_home("prometheus") as (directory, reaper):
        server = PrometheusServer(ensure_programs(), directory, jobs, rules, reaper)
        with contextlib.closing(server), running(server):
            yield server


@pytest.fixture(scope="session")
def prometheus_programs() -> Path:
    """Return the folder of `promtool`."""
    try:
        return ensure_programs()
    except (system_packages.MissingPackagesError, RuntimeError) as error:
        pytest.skip(f"needs Prometheus: {error}")


def promtool(programs: Path, *arguments: str | Path) -> str:
    """Run promtool and return its output. Raises AssertionError with the output if it fails."""
    done = subprocess.run(
        [programs / "promtool", *arguments], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
