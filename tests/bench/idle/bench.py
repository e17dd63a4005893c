"""What `vigil run` uses while nothing happens: without a camera, and with one camera that shows a still scene.

`VIGIL_SHARED` is the folder of clips and model. `VIGIL_BENCH_SECONDS` sets how long each state is measured.

    make bench BENCH=idle
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.detector.bench import still_clip
from tests.bench.report import Measurement
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.integration.services.process_usage import Usage, descendant, usages_of
from tests.integration.services.rtsp import gst_rtsp_server
from tests.integration.services.vigil_run import ROOT, Run

PYTHON = ROOT / ".venvs" / "standalone" / "bin" / "python"
SETTLING_SECONDS = 50.0
"""Some background work begins only 45 s after the start of the backend."""
PARTS = {"backend": "-m gunicorn", "pipeline": "-m cctv"}


def measure() -> list[Measurement]:
    """Start `vigil run` once without a camera and once with one."""
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    model = shared / "models" / "yolov8n_int8_openvino_model"
    if not model.exists() or not PYTHON.exists():
        sys.exit("bench: the shared model or .venvs/standalone is missing (set VIGIL_SHARED; use `make bench`)")
    with _run(model) as run:
        nothing = _usage(run)
    clip = still_clip(shared / "videos" / "one-by-one-person-detection.mp4")
    with gst_rtsp_server(clip, plays=0) as camera, _run(model, camera.url) as run:
        with run.client() as client:
            eventually(lambda: _is_streaming(client.get("/api/cameras/").json()), 60, run.output)
        still = _usage(run)
    return [*_rows("no camera", nothing, 1.0), *_rows("one still camera", still, 2.5)]


@contextlib.contextmanager
def _run(model: Path, camera: str = "") -> Iterator[Run]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
        command = (str(PYTHON), "-m", "vigil_standalone", "run")
        run = Run(Path(folder) / "data", port, command=command, DEMO="0", MODEL=str(model), CAMERA=camera)
        try:
            run.value("Dashboard")
            yield run
        finally:
            run.stop()


def _is_streaming(page: dict[str, list[dict[str, dict[str, str]]]]) -> bool:
    return any(camera["health"]["phase"] == "Streaming" for camera in page["results"])


def _usage(run: Run) -> dict[str, Usage]:
    """Return the usage of each part and of all together, measured at the same time."""
    seconds = float(os.environ.get("VIGIL_BENCH_SECONDS", "30"))
    time.sleep(SETTLING_SECONDS)
    roots = {"all": run.process.pid} | {name: descendant(run.process.pid, word) for name, word in PARTS.items()}
    return usages_of(roots, seconds=seconds)


def _rows(title: str, usages: dict[str, Usage], goal_percent: float) -> list[Measurement]:
    total = usages["all"]
    rows = [Measurement.at_most(f"{title}: CPU, share of one core", total.cpu_share * 100, "%", goal_percent)]
    for name in PARTS:
        rows.append(Measurement.plain(f"{title}: {name}: CPU", usages[name].cpu_share * 100, "%"))
        rows.append(Measurement.plain(f"{title}: {name}: wake-ups per second", usages[name].wakeups, ""))
        rows.append(Measurement.plain(f"{title}: {name}: memory", usages[name].megabytes, "MB"))
    rows.append(Measurement.plain(f"{title}: wake-ups per second", total.wakeups, ""))
    rows.append(Measurement.plain(f"{title}: memory", total.megabytes, "MB"))
    return rows
