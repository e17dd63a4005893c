"""The real `cctv` as a process, with its settings, status port and output.

with detector(tmp_path, api_url=backend.url, token=token) as cctv:               # poll mode
with detector(tmp_path, api_url=backend.url, token=token, camera_id=3) as cctv:  # pod mode
    cctv.wait_ready(30)
    cctv.metric("vigil_spool_alerts", camera="3")
"""

import contextlib
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from tests.integration.services.cctv_process import CctvProcess

from vigil_contracts.alert import AlertSubmission
from vigil_contracts.names import AlertType


class DetectorProcess(CctvProcess):
    """One detector. Killing and starting it again keeps its spool and its status port."""

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
        self.directory, self.camera_id, self.python = directory, camera_id, python
        self.token_file, self.spool = directory / "token", directory / "spool"
        role = [] if camera_id is None else ["--camera", str(camera_id)]
        if is_prober:
            role.append("--prober")
        super().__init__(
            directory / "cctv.log",
            [python, "-m", "cctv", *role],
            {
                "VIGIL_API_URL": api_url,
                "VIGIL_TOKEN_FILE": str(self.token_file),
                "VIGIL_SPOOL_DIR": str(self.spool),
                "VIGIL_STREAM_ALLOWED_NETWORKS": "127.0.0.0/8",
                **settings,
            },
        )
        self.token_file.write_text(token)

    def is_ready(self) -> bool:
        """Return whether `/readyz` returns 200: frames arrive."""
        try:
            return self.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of /metrics; 0.0 if it does not exist yet. Fails if the process has ended."""
        return next(iter(self.samples(name, **labels)), 0.0)


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
