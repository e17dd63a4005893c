"""Eight cameras with a model each, and the same eight on one `cctv serve-model`: memory, CPU time and events.

Each camera is a process with a detector's whole program, over the same clip, as fast as it can; so the figures do not
depend on how busy the machine is. Packages and memory settings are those of the CPU image. Memory is the proportional
set size of all processes at the end, the server's included. `VIGIL_BENCH_SECONDS` limits the clip;
`VIGIL_BENCH_CAMERAS` changes the number of cameras.

    make bench BENCH=shared_inference
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.image_settings import memory_settings
from tests.bench.report import Measurement
from tests.integration.services.inference_program import inference_program

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("worker.py")
PYTHON = ROOT / ".venvs" / "detector" / "bin" / "python"
"""The packages of the CPU image; `make bench` creates it."""
FRAMES_PER_SECOND = 5
MEMORY_GOAL_PERCENT, CPU_GOAL_PERCENT = 60, 100


@dataclass(frozen=True, slots=True)
class Result:
    """What all processes of one way took together."""

    events: list[list[str]]
    inferences: int
    cpu_seconds: float
    start_cpu_seconds: float
    megabytes: float

    @property
    def steady_cpu_seconds(self) -> float:
        """CPU time after the models were loaded."""
        return self.cpu_seconds - self.start_cpu_seconds


def measure() -> list[Measurement]:
    """Run both ways, one after the other."""
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    model = shared / "models" / "yolov8n_int8_openvino_model"
    for path in (clip, model, PYTHON):
        if not path.exists():
            sys.exit(f"bench: {path} is missing (set VIGIL_SHARED)")
    cameras = int(os.environ.get("VIGIL_BENCH_CAMERAS", "8"))
    seconds = float(os.environ.get("VIGIL_BENCH_SECONDS", "20"))

    def run(model: str, url: str) -> tuple[list[dict[str, Any]], float]:
        commands = [
            [str(PYTHON), str(WORKER), str(clip), str(seconds), str(FRAMES_PER_SECOND), str(camera), model, url]
            for camera in range(1, cameras + 1)
        ]
        return _run_together(commands)

    print(f"bench: {cameras} cameras with a model each", flush=True)
    own = _result(*run(str(model), ""))
    print(f"bench: {cameras} cameras on one server", flush=True)
    settings = {
        **memory_settings(),
        "VIGIL_INFERENCE_DEADLINE_SECONDS": "60",  # they wait for nothing but it
        "VIGIL_MODEL_INT8": "0",
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        inference_program(Path(folder), model, settings, str(PYTHON)) as server,
    ):
        server.start()
        server.wait_ready()
        assert server.process is not None
        pid = server.process.pid
        started = _cpu_seconds(pid)
        figures, megabytes = run(server.name, server.url)
        megabytes += _megabytes(pid)
        figures.append({"cpu_seconds": _cpu_seconds(pid), "start_cpu_seconds": started})
        batches = server.metric("vigil_inference_server_batch_size_count")
        images = server.metric("vigil_inference_server_batch_size_sum")
    on_server = _result(figures, megabytes)
    return [
        *_rows("a model each", own),
        *_rows("one server", on_server),
        Measurement.plain("one server: images in a batch", images / max(batches, 1.0), ""),
        Measurement.at_most(
            "memory, one server to a model each", on_server.megabytes / own.megabytes * 100, "%", MEMORY_GOAL_PERCENT
        ),
        Measurement.at_most(
            "CPU time, one server to a model each",
            on_server.cpu_seconds / own.cpu_seconds * 100,
            "%",
            CPU_GOAL_PERCENT,
        ),
        Measurement.plain(
            "CPU time after the start, likewise", on_server.steady_cpu_seconds / own.steady_cpu_seconds * 100, "%"
        ),
        Measurement.exactly("cameras whose events differ", _differences(own.events, on_server.events), "", 0),
    ]


def _rows(way: str, result: Result) -> list[Measurement]:
    return [
        Measurement.plain(f"{way}: memory", result.megabytes, "MB"),
        Measurement.plain(f"{way}: CPU time", result.cpu_seconds, "s"),
        Measurement.plain(f"{way}: CPU time after the start", result.steady_cpu_seconds, "s"),
        Measurement.plain(f"{way}: inferences", result.inferences, ""),
        Measurement.plain(f"{way}: events", sum(map(len, result.events)), ""),
    ]


def _differences(one: Sequence[list[str]], other: Sequence[list[str]]) -> int:
    return sum(mine != theirs for mine, theirs in zip(one, other, strict=True))


def _result(figures: Sequence[dict[str, Any]], megabytes: float) -> Result:
    return Result(
        [each["events"] for each in figures if "events" in each],
        sum(each.get("inferences", 0) for each in figures),
        sum(each["cpu_seconds"] for each in figures),
        sum(each["start_cpu_seconds"] for each in figures),
        megabytes,
    )


def _run_together(commands: Sequence[Sequence[str]]) -> tuple[list[dict[str, Any]], float]:
    """Return what the workers print, and their memory together when all have ended their work."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
    environment = {**inherited, **memory_settings(), "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for command in commands
    ]
    try:
        figures = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout]
        return figures, sum(_megabytes(worker.pid) for worker in workers)
    finally:
        for worker in workers:
            worker.communicate("", timeout=60)


def _megabytes(pid: int) -> float:
    """Return the proportional set size: what is shared with other processes counts in parts."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1000


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
