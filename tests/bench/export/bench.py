"""An export of ten minutes of one camera at 4 Mbit/s, from the request until the archive can be downloaded.

    make bench BENCH=export

Beside it, in turn, a program that does the least which is needed: it reads the recorded files, writes them into one
file with its SHA-256 sum, and syncs it to the disk. `VIGIL_BENCH_ROUNDS` is the number of pairs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.recording.clip import make_clip
from tests.bench.report import Measurement
from tests.cluster.polling import eventually
from tests.integration.backend.test_case_exports import is_in, new_case, new_export
from tests.integration.backend.test_ingest import make_scene
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.made_recordings import make_recording
from tests.integration.services.process_usage import Spent, spent_by

from vigil_apps.evidence.core.keys import new_key

BEGIN, SECONDS = datetime(2026, 11, 29, 12, tzinfo=UTC), 600.0
EXPORT_SECONDS, WRITTEN_RATIO = 10.0, 1.05
_COPY = """
import hashlib, os, sys, time
from pathlib import Path
digest, target = hashlib.sha256(), Path(sys.argv[1])
with target.open("wb") as output:
    for path in sorted(Path(sys.argv[2]).rglob("*.mp4")):
        content = path.read_bytes()
        digest.update(content)
        output.write(content)
    output.flush()
    os.fsync(output.fileno())
target.unlink()
print(time.process_time())
"""


def measure() -> list[Measurement]:
    """Return the figures."""
    rounds = int(os.environ.get("VIGIL_BENCH_ROUNDS", "5"))
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as temporary:
        folder = Path(temporary)
        clip = make_clip(folder / "clip.mp4")
        with backend_server(folder / "backend", environment={"VIGIL_EVIDENCE_KEY": new_key()}) as backend:
            return _figures(backend, clip, rounds)


def _figures(backend: BackendServer, clip: Path, rounds: int) -> list[Measurement]:
    scene = make_scene(backend)
    with backend.client(scene.token) as client:
        make_recording(client, backend.media, scene.camera_id, clip, begin=BEGIN.timestamp(), seconds=SECONDS)
    recorded = sum(path.stat().st_size for path in backend.media.rglob("*.mp4"))
    copies, exports = [], []
    with backend.client(scene.user_token) as client:
        end = BEGIN + timedelta(seconds=SECONDS)
        case = new_case(client, {"camera": scene.camera_id, "start": BEGIN.isoformat(), "end": end.isoformat()})
        for _ in range(rounds):
            copies.append(_copy(backend))
            began, before = time.monotonic(), spent_by(backend.pid)
            export = new_export(client, case)
            eventually(is_in(client, export, "done"), 300)
            exports.append((time.monotonic() - began, spent_by(backend.pid) - before))
            client.delete(export)
    seconds = statistics.median(one for one, _ in exports)
    cpu = statistics.median(one.cpu_seconds for _, one in exports)
    return [
        Measurement.plain("recorded", recorded / 1e6, "MB"),
        Measurement.at_most("export of ten minutes", seconds, "s", EXPORT_SECONDS),
        Measurement.plain("the least that is needed", statistics.median(one for one, _ in copies), "s"),
        Measurement.plain("CPU time of the export", cpu, "s"),
        Measurement.plain(
            "CPU time, relative to the least",
            statistics.median(
                ours.cpu_seconds / least for (_, ours), (_, least) in zip(exports, copies, strict=True)
            ),
            "",
        ),
        Measurement.at_most("written, relative to the recording", _written(exports, recorded), "", WRITTEN_RATIO),
    ]


def _written(exports: list[tuple[float, Spent]], recorded: int) -> float:
    return statistics.median(one.written_bytes for _, one in exports) / recorded


def _copy(backend: BackendServer) -> tuple[float, float]:
    """Copy the recordings into one file; return the seconds by the clock and of the CPU."""
    began = time.monotonic()
    command = [sys.executable, "-I", "-S", "-c", _COPY, str(backend.directory / "copy"), str(backend.media)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return time.monotonic() - began, float(printed)
