"""The waiting time of a new user: from `make run` in a new clone to the dashboard's address and the first alert.

The clone has the last commit. Its user has a new home with existing package caches, so that the network is not
measured. The rows of a real camera need VIGIL_SHARED and ultralytics' environment, which creates the weights. They
play the clip of the six people over RTSP; the first person enters after six seconds.

    make bench BENCH=first_alert
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.bench.report import Measurement
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.e2e.six_people import CLIP
from tests.integration.services import made_weights
from tests.integration.services.rtsp import gst_rtsp_server
from tests.integration.services.vigil_run import OF_ANY_USER, ROOT, Run

_DEMO_GOAL_SECONDS = 120.0
"""The README promises the demo camera's first alerts within two minutes."""
_LIMIT_SECONDS = 600.0
_SHARED = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))


def measure() -> list[Measurement]:
    """Run the demo, then a real camera, each in a fresh clone of a new user."""
    rows = [Measurement.plain("load at the start", os.getloadavg()[0], "")]
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
        dashboard, alert = _first_alert(Path(folder), {})
        rows += [
            Measurement.plain("demo: dashboard", dashboard, "s"),
            Measurement.at_most("demo: first alert", alert, "s", _DEMO_GOAL_SECONDS),
        ]
    if not (_SHARED / "videos" / CLIP).is_file() or not made_weights.PYTHON.exists():
        print(f"bench: left out: a real camera ({_SHARED} is missing, or it {made_weights.NEEDED})")
        return rows
    try:
        return rows + _own_camera()
    except pytest.skip.Exception as missing:
        print(f"bench: left out: a real camera: {missing}")
        return rows


def _own_camera() -> list[Measurement]:
    weights = made_weights.ensure_weights(_SHARED) / "real.pt"
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder, _camera() as url:
        pin = hashlib.sha256(weights.read_bytes()).hexdigest()
        settings = {"CAMERA": url, "DEMO": "0", "VIGIL_MODEL_SHA256": pin}
        dashboard, alert = _first_alert(Path(folder), settings, weights)
        return [
            Measurement.plain("own camera: dashboard", dashboard, "s"),
            Measurement.plain("own camera: first alert", alert, "s"),
        ]


@contextlib.contextmanager
def _camera() -> Iterator[str]:
    with gst_rtsp_server(_SHARED / "videos" / CLIP, plays=0) as server:
        yield server.url


def _first_alert(folder: Path, settings: Mapping[str, str], weights: Path | None = None) -> tuple[float, float]:
    """Return the seconds until the dashboard's address is printed, and until an alert is in the API."""
    clone, home = folder / "vigil", folder / "home"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    _lend_caches(home)
    if weights is not None:
        (home / ".cache/vigil/models").mkdir()
        shutil.copyfile(weights, home / ".cache/vigil/models/yolov8n.pt")
    environment = {name: value for name, value in os.environ.items() if name in OF_ANY_USER} | {"HOME": str(home)}
    (port,) = free_ports(1)
    run = Run(clone / "data", port, command=("make", "run"), environment=environment, clone=clone, **settings)
    try:
        run.value("Dashboard", timeout_seconds=_LIMIT_SECONDS)
        dashboard = time.monotonic() - run.began
        with run.client() as client:
            eventually(lambda: bool(client.get("/api/alerts/").json()["results"]), _LIMIT_SECONDS, run.output)
        return dashboard, time.monotonic() - run.began
    finally:
        run.stop()


def _lend_caches(home: Path) -> None:
    cache = Path(os.environ.get("VIGIL_CACHE_DIR") or Path.home() / ".cache" / "vigil")
    (home / ".cache/vigil").mkdir(parents=True)
    for name in ("uv", "pip"):
        (cache / name).mkdir(parents=True, exist_ok=True)
        (home / ".cache/vigil" / name).symlink_to(cache / name)
