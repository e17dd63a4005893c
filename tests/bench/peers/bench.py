"""Frigate and Vigil beside each other: whole products, at the same time, on the same streams with the same model.

    VIGIL_BENCH_FRIGATE=… VIGIL_BENCH_FRIGATE_PYTHON=… make bench BENCH=peers

`VIGIL_BENCH_FRIGATE` is a source tree of Frigate, `VIGIL_BENCH_FRIGATE_PYTHON` a Python with its packages. Both
products have their defaults, five frames per second, and YOLOv8n INT8 at 640 pixels; neither records. Vigil is
`vigil run`: supervisor, backend with dashboard, and detector. One scene shows the six people again and again, the
other nothing. The products run at the same time, so the ratios depend little on how busy the machine is. CPU time and
memory (proportional set size) are those of all their processes. The start is not measured.

`VIGIL_BENCH_WINDOWS` is the number of windows, `VIGIL_BENCH_CAMERAS` the number of cameras, which all show the same.
`VIGIL_SHARED` is the folder of clips and model.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from tests.bench.clips import repeated
from tests.bench.detector.bench import CLIP_SECONDS, still_clip
from tests.bench.peers.figures import BACKEND, DETECTOR, FRIGATE, VIGIL, Scene, Window
from tests.bench.peers.frigate import Frigate, Installation, frigate
from tests.bench.report import Measurement
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.integration.services.process_usage import cpu_seconds, descendant, megabytes
from tests.integration.services.rtsp import gst_rtsp_server
from tests.integration.services.vigil_run import ROOT, Run

PYTHON = ROOT / ".venvs" / "standalone" / "bin" / "python"
PEOPLE = 6
REST_SECONDS = 60.0
SETTLING_SECONDS = 60.0
"""Some background work of both begins later than the first frame."""
_START_SECONDS = 300.0


def measure() -> list[Measurement]:
    """Run both products twice: while people walk, and while nothing happens."""
    installation = Installation.from_environment()
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    model = shared / "models" / "yolov8n_int8_openvino_model"
    for path in (clip, model, PYTHON):
        if not path.exists():
            sys.exit(f"bench: peers: {path} is missing (set VIGIL_SHARED; use `make bench`)")
    # A window that is as long as the clip contains all of it, whatever its phase.
    people = _scene("people", installation, clip, model, PEOPLE, CLIP_SECONDS)
    rest = _scene("at rest", installation, still_clip(clip), model, 0, REST_SECONDS)
    return [*people.measurements(times_less_cpu_goal=8), *rest.measurements(times_less_cpu_goal=10)]


def _scene(
    title: str, installation: Installation, clip: Path, model: Path, visits: int, window_seconds: float
) -> Scene:
    """Show the clip to both, again and again. `visits` of people are in each window."""
    count = int(os.environ.get("VIGIL_BENCH_WINDOWS", "3"))
    cameras = int(os.environ.get("VIGIL_BENCH_CAMERAS", "1"))
    length = _START_SECONDS + SETTLING_SECONDS + count * window_seconds
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        long_clip = repeated(clip, folder / "clip.mp4", length)
        server = stack.enter_context(gst_rtsp_server(long_clip, plays=0))
        urls = [server.url] * cameras
        theirs = stack.enter_context(frigate(installation, folder / "frigate", model, urls))
        ours = stack.enter_context(_vigil(folder / "vigil", model, urls))
        print(f"bench: peers: {title}: both receive the stream", flush=True)
        time.sleep(SETTLING_SECONDS)
        began = time.time()
        windows = [_window(theirs, ours, window_seconds) for _ in range(count)]
        ended = time.time()
        # What began in the last seconds is stored a moment later.
        time.sleep(10)
        found = {FRIGATE: theirs.people_between(began, ended), VIGIL: _people_between(ours, began, ended)}
        scene = Scene(title, window_seconds, cameras, windows, found, visits * count * cameras)
        if problem := scene.problem():
            sys.exit(f"bench: peers: {problem}\n{theirs.process.log_tail()}")
    return scene


def _window(theirs: Frigate, ours: Run, seconds: float) -> Window:
    roots = {
        FRIGATE: theirs.process.pid,
        VIGIL: ours.process.pid,
        DETECTOR: descendant(ours.process.pid, "-m cctv"),
        BACKEND: descendant(ours.process.pid, "-m gunicorn"),
    }
    before = _cpu_seconds(roots)
    time.sleep(seconds)
    after = _cpu_seconds(roots)
    if not theirs.is_receiving():
        sys.exit(f"bench: peers: Frigate no longer receives the stream:\n{theirs.process.log_tail()}")
    used = {name: after[name] - before[name] for name in roots}
    return Window(used, {name: megabytes(pid) for name, pid in roots.items()})


def _cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in roots.items()}


@contextlib.contextmanager
def _vigil(folder: Path, model: Path, urls: list[str]) -> Iterator[Run]:
    (port,) = free_ports(1)
    command = (str(PYTHON), "-m", "vigil_standalone", "run")
    run = Run(folder, port, command=command, DEMO="0", MODEL=str(model))
    try:
        run.value("Dashboard")
        with run.client() as client:
            for number, url in enumerate(urls, 1):
                body = {"name": f"Camera {number}", "rtsp_url": url, "is_active": True}
                client.post("/api/cameras/", json=body).raise_for_status()
            eventually(lambda: _are_streaming(client.get("/api/cameras/").json(), len(urls)), 120, run.output)
        yield run
    finally:
        run.stop()


def _are_streaming(page: dict[str, list[dict[str, dict[str, str]]]], count: int) -> bool:
    return sum(camera["health"]["phase"] == "Streaming" for camera in page["results"]) == count


def _people_between(run: Run, start: float, end: float) -> int:
    alerts: list[dict[str, str]] = []
    page = "/api/alerts/?page_size=100"
    with run.client() as client:
        while page:
            found = client.get(page).raise_for_status().json()
            alerts += found["results"]
            page = found["next"]
    times = [datetime.fromisoformat(alert["timestamp"]).timestamp() for alert in alerts if alert["label"] == "person"]
    return sum(start <= at < end for at in times)
