"""Frigate, started from a source tree in a sandbox (bubblewrap) that has the folders of its image.

Frigate reads and writes at fixed places (`/config`, `/media/frigate`, `/tmp/cache`, `/opt/frigate`). In the sandbox
these are folders of the benchmark; the rest of the machine is read-only. Only Frigate's own program and its ffmpeg
run; its image also has nginx and go2rtc.
"""

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.cluster.processes import ServerProcess
from tests.cluster.reaper import Reaper
from tests.integration.services.process_usage import commands
from tests.integration.services.requirements import skip_without

_OWN_PLACES = ("config", "dev", "media", "model", "opt", "proc", "tmp")
"""Folders of `/` that the sandbox does not take from the machine."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A source tree, and a Python that has the packages that this version of Frigate requires."""

    source: Path
    python: Path

    @classmethod
    def from_environment(cls) -> "Installation":
        """Return what the two settings name; exit with a message if one is missing."""
        source, python = (
            Path(os.environ.get(name, "")) for name in ("VIGIL_BENCH_FRIGATE", "VIGIL_BENCH_FRIGATE_PYTHON")
        )
        if not (source / "frigate" / "__main__.py").is_file():
            sys.exit("bench: peers: set VIGIL_BENCH_FRIGATE to a source tree of Frigate (with frigate/__main__.py)")
        if not python.is_file():
            sys.exit(
                "bench: peers: set VIGIL_BENCH_FRIGATE_PYTHON to the Python of a virtual environment that has"
                " the packages of Frigate"
            )
        return cls(source.absolute(), python.absolute())


@dataclass(frozen=True, slots=True)
class Frigate:
    """A running Frigate. `process` is the sandbox, below which all its processes are."""

    process: ServerProcess
    database: Path
    urls: Sequence[str]

    def is_receiving(self) -> bool:
        """Return whether there is an ffmpeg for each camera. Others encode its live views."""
        receiving = [line for line in commands(self.process.pid) if "/ffmpeg " in line and "-i rtsp:" in line]
        return len(receiving) == len(self.urls)

    def people_between(self, start: float, end: float) -> int:
        """Return how many people it began to track between two Unix times."""
        query = "SELECT count(*) FROM event WHERE label = 'person' AND start_time >= ? AND start_time < ?"
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            (count,) = database.execute(query, (start, end)).fetchone()
        return int(count)


@contextlib.contextmanager
def frigate(installation: Installation, folder: Path, model: Path, urls: Sequence[str]) -> Iterator[Frigate]:
    """Run Frigate with one camera per URL, with the OpenVINO model of the folder `model`."""
    if shutil.which("bwrap") is None:
        skip_without("a sandbox", "bubblewrap")
    for name in ("config", "media"):
        (folder / name).mkdir(parents=True)
    (weights,) = model.glob("*.xml")
    names: dict[int, str] = yaml.safe_load((model / "metadata.yaml").read_text())["names"]
    (folder / "config" / "labels.txt").write_text("".join(f"{index} {name}\n" for index, name in names.items()))
    (folder / "config" / "config.yml").write_text(configuration(weights.name, urls))
    command = sandbox(installation, folder, model, Path("/"))
    process = ServerProcess("Frigate", command, folder / "frigate.log", Reaper())
    process.start()
    try:
        running = Frigate(process, folder / "config" / "frigate.db", urls)
        process.wait_until(running.is_receiving, 180)
        yield running
    finally:
        process.stop()


def configuration(weights: str, urls: Sequence[str]) -> str:
    """Return the configuration: Frigate's defaults, but with detection, a model and snapshots.

    Without snapshots or recordings Frigate stores no events; Vigil stores an image and a clip with each alert.

    Args:
        weights: The file name of the OpenVINO model: YOLO, 640 × 640.
        urls: A camera each.
    """
    cameras = {
        f"camera_{number}": {"ffmpeg": {"inputs": [{"path": url, "roles": ["detect"]}]}}
        for number, url in enumerate(urls, 1)
    }
    return yaml.safe_dump(
        {
            "mqtt": {"enabled": False},
            "telemetry": {"version_check": False},  # it would ask the internet
            "auth": {"enabled": False},  # it would write a password to the log
            "ffmpeg": {"path": "/usr"},
            "detectors": {"openvino": {"type": "openvino", "device": "CPU"}},
            "model": {
                "model_type": "yolo-generic",
                "path": f"/model/{weights}",
                "labelmap_path": "/config/labels.txt",
                "width": 640,
                "height": 640,
                "input_tensor": "nchw",
                "input_dtype": "float",
            },
            "detect": {"enabled": True, "fps": 5},
            "snapshots": {"enabled": True},
            "cameras": cameras,
        },
        sort_keys=False,
    )


def sandbox(installation: Installation, folder: Path, model: Path, root: Path) -> list[str]:
    """Return the command line that runs Frigate with `folder` for its data; `root` is the machine's `/`.

    The processes end with the sandbox, since they have a PID namespace of their own.
    """
    places: list[str] = []
    for path in sorted(root.iterdir()):
        if path.name not in _OWN_PLACES:
            place = f"/{path.name}"
            places += (
                ["--symlink", str(path.readlink()), place] if path.is_symlink() else ["--ro-bind", str(path), place]
            )
    environment = installation.python.parent.parent
    return [
        *(
            "bwrap",
            "--unshare-pid",
            "--die-with-parent",
            *places,
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
        ),
        *("--bind", str(folder / "config"), "/config", "--bind", str(folder / "media"), "/media/frigate"),
        *("--ro-bind", str(model), "/model", "--ro-bind", str(installation.source), "/opt/frigate"),
        # The environment may be in a folder that the sandbox has of its own, such as /tmp.
        *("--ro-bind", str(environment), str(environment)),
        *("--chdir", "/opt/frigate", "--setenv", "PYTHONPATH", "/opt/frigate"),
        *(str(installation.python), "-m", "frigate"),
    ]
