"""Six people in front of `make run` with user settings: CAMERA, PORT, DEMO=0 and a data folder.

MODEL is not set. The machine has the default model's weights at the pinned place, and nothing else.
"""

import contextlib
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.e2e.six_people import CLIP, CLIP_SECONDS, PASSWORD, alerts_of, wait_for_play
from tests.integration.services.made_weights import ensure_weights
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server
from tests.integration.services.vigil_run import Run, make_run
from tests.priority import share_niceness_with_descendants

_CAMERA_ID = 1


@dataclass
class MakeRunStage:
    """A `make run` whose camera plays the clip once. `played_at`: wall-clock time."""

    home: Path
    camera: RtspServer
    run: Run
    played_at: float = 0.0
    frames: dict[str, float] = field(default_factory=dict)
    _alerts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        return self.run.output

    def wait_for_play(self) -> None:
        """Waits until the detector has been given the clip."""
        self.played_at = wait_for_play(self.camera, timeout_seconds=120)  # the database is made first
        # It starts each of its processes in a session of its own.
        share_niceness_with_descendants(self.run.process.pid)

    def wait_for_end(self) -> None:
        """Wait until the clip is over and all alerts have their clips; then end the run as Ctrl-C does.

        Later the detector would report, rightly, that the camera is offline.
        """
        left = self.played_at + CLIP_SECONDS - time.time()
        ended = f"camera {_CAMERA_ID}: StreamEnded"
        eventually(lambda: ended in self.output, max(0.0, left) + 30, "make run: the clip ends")
        with self.run.client() as client:
            eventually(lambda: self._is_delivered(client), 45, f"make run: clips are delivered\n{self.output}")
            self._alerts = alerts_of(client, _CAMERA_ID)
        self.run.stop()

    def rows(self) -> list[tuple[Any, ...]]:
        """What the database holds of this camera, the oldest first: type, label, event id."""
        with contextlib.closing(sqlite3.connect(self.run.data / "vigil.sqlite3")) as connection:
            return connection.execute(
                "SELECT alert_type, label, event_id FROM surveillance_alert WHERE camera_id = ? ORDER BY timestamp",
                (_CAMERA_ID,),
            ).fetchall()

    def alerts(self) -> list[dict[str, Any]]:
        """The camera's alerts by the API, the oldest first, each with its image as `jpeg` and its clip as `mp4`."""
        return self._alerts

    def _is_delivered(self, client: httpx.Client) -> bool:
        waiting = [path for path in (self.run.data / "spool" / "waiting").rglob("*") if path.is_file()]
        alerts = client.get("/api/alerts/").raise_for_status().json()["results"]
        return not waiting and all(alert["clip"] for alert in alerts)


@contextlib.contextmanager
def make_run_stage(directory: Path, shared: Path) -> Iterator[MakeRunStage]:
    """`make run` on a machine that has the weights in its model folder, and whose home is otherwise empty.

    The published file cannot be part of the tests' material. Another file under its name is taken up only where its
    SHA-256 is set, as `VIGIL_MODEL_SHA256`.
    """
    home = directory / "home"
    weights = home / ".cache" / "vigil" / "models" / "yolov8n.pt"
    weights.parent.mkdir(parents=True)
    shutil.copyfile(ensure_weights(shared) / "real.pt", weights)
    pin = hashlib.sha256(weights.read_bytes()).hexdigest()
    (port,) = free_ports(1)
    with gst_rtsp_server(shared / "videos" / CLIP, username="viewer", password=PASSWORD) as camera:
        run = make_run(home, directory / "data", port, CAMERA=camera.url, DEMO="0", VIGIL_MODEL_SHA256=pin)
        try:
            yield MakeRunStage(home, camera, run)
        finally:
            if run.process.poll() is None:
                run.stop()
