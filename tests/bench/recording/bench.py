"""Sixteen cameras of 1080p at 4 Mbit/s that one poll-mode process records, beside one `ffmpeg -c copy` per camera.

    make bench BENCH=recording

Both receive the same streams over loopback at the same time, so the ratios do not depend on how busy the machine is.
The recorded cameras have no model; their process decodes keyframes only, to notice frozen streams. Memory is the
proportional set size. Recording is turned off and on in turn: the difference is the cost of recording alone. Then a
further camera is analysed with a model, and its time per inference with and without recording is compared.
`VIGIL_BENCH_SECONDS` is the length of each window, `VIGIL_BENCH_CAMERAS` the number of cameras, `VIGIL_BENCH_WINDOWS`
the number of windows with and without recording.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.bench.clips import repeated
from tests.bench.image_settings import memory_settings
from tests.bench.recording.clip import make_clip
from tests.bench.report import Measurement
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.process_usage import Usage, usages_of
from tests.integration.services.rtsp import gst_rtsp_server

ROOT = Path(__file__).parents[3]
CPU_RATIO, MEMORY_RATIO, SLOWDOWN_PERCENT = 1.3, 0.5, 5.0
SETTLING_SECONDS = 10.0
FFMPEG = ("ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp")


@dataclass(frozen=True, slots=True)
class Window:
    """What all cameras together used in one window, and the time of one inference (0 without a watched camera)."""

    vigil: Usage
    ffmpeg: Usage
    inference_ms: float


def measure() -> list[Measurement]:
    """Run both beside each other."""
    seconds = float(os.environ.get("VIGIL_BENCH_SECONDS", "30"))
    windows = int(os.environ.get("VIGIL_BENCH_WINDOWS", "2"))
    cameras = int(os.environ.get("VIGIL_BENCH_CAMERAS", "16"))
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    model = shared / "models" / "yolov8n_int8_openvino_model"
    watched = shared / "videos" / "one-by-one-person-detection.mp4"
    for path in (model, watched):
        if not path.exists():
            sys.exit(f"bench: {path} is missing (set VIGIL_SHARED)")
    length = 4 * windows * (seconds + SETTLING_SECONDS) + 240
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        clip = repeated(make_clip(folder / "once.mp4"), folder / "clip.mp4", length)
        moving = repeated(watched, folder / "watched.mp4", length)
        server = stack.enter_context(gst_rtsp_server(clip, plays=0, others={"/watched": moving}))
        backend = stack.enter_context(backend_server(folder / "backend"))
        token = backend.create_user("bench", is_superuser=True).token
        ids = [
            backend.add_camera(
                token, name=f"Camera {number}", rtsp_url=server.url, detection={"source": "onvif", "tamper": False}
            )
            for number in range(cameras)
        ]
        process = stack.enter_context(
            detector(
                folder / "detector",
                api_url=backend.url,
                token=backend.token("bench", "pipeline"),
                settings={
                    **memory_settings(),
                    "VIGIL_MODEL": str(model),
                    "VIGIL_MODEL_INT8": "0",
                    "VIGIL_RECORDING_DIR": str(backend.media),
                    "VIGIL_CLIP_MAX_BYTES": "0",  # ffmpeg keeps no packets for clips either
                    "VIGIL_POLL_SECONDS": "1",
                },
            )
        )
        copies = stack.enter_context(_ffmpeg_copies(server.url, folder, cameras))
        run = _Run(process, backend, token, ids, copies, seconds)
        alone = run.windows(windows)
        watched_url = server.url.replace("/cam", "/watched")
        run.watched = backend.add_camera(token, name="Watched", rtsp_url=watched_url)
        beside = run.windows(windows)
    return [*_cost(cameras, *alone), _slowdown(*beside)]


@dataclass(slots=True)
class _Run:
    """The running programs. `watched` is the camera with a model, once there is one."""

    process: DetectorProcess
    backend: BackendServer
    token: str
    cameras: list[int]
    copies: list[int]
    seconds: float
    watched: int | None = None

    def windows(self, count: int) -> tuple[list[Window], list[Window]]:
        """Return windows without and with recording, in turn."""
        without: list[Window] = []
        recording: list[Window] = []
        for _ in range(count):
            for mode, found in (("off", without), ("continuous", recording)):
                self._set_mode(mode)
                time.sleep(SETTLING_SECONDS)
                eventually(self._all_stream, 120, "all cameras stream")
                found.append(self._window())
        return without, recording

    def _all_stream(self) -> bool:
        return sum(self.process.samples("vigil_stream_up")) == len(self.cameras) + (self.watched is not None)

    def _window(self) -> Window:
        assert self.process.process is not None
        before = self._inferences()
        roots = {"vigil": self.process.process.pid} | {f"ffmpeg {pid}": pid for pid in self.copies}
        usages = usages_of(roots, seconds=self.seconds)
        count, total = (now - former for now, former in zip(self._inferences(), before, strict=True))
        vigil, theirs = usages.pop("vigil"), list(usages.values())
        together = Usage(
            sum(one.cpu_share for one in theirs),
            sum(one.wakeups for one in theirs),
            sum(one.megabytes for one in theirs),
        )
        return Window(vigil, together, 1000 * total / max(1.0, count))

    def _inferences(self) -> tuple[float, float]:
        camera = str(self.watched)
        return (
            self.process.metric("vigil_inference_seconds_count", camera=camera),
            self.process.metric("vigil_inference_seconds_sum", camera=camera),
        )

    def _set_mode(self, mode: str) -> None:
        with self.backend.client(self.token) as client:
            for camera in self.cameras:
                answer = client.patch(f"/api/cameras/{camera}/", json={"recording": {"mode": mode}})
                assert answer.status_code == httpx.codes.OK, answer.text


def _cost(cameras: int, off: list[Window], on: list[Window]) -> list[Measurement]:
    cpu = 100 * statistics.mean(one.vigil.cpu_share for one in on) / cameras
    without = 100 * statistics.mean(one.vigil.cpu_share for one in off) / cameras
    theirs = 100 * statistics.mean(one.ffmpeg.cpu_share for one in off + on) / cameras
    memory = statistics.mean(one.vigil.megabytes for one in on) / cameras
    their_memory = statistics.mean(one.ffmpeg.megabytes for one in on) / cameras
    return [
        Measurement.plain("cameras", cameras, ""),
        Measurement.plain("ffmpeg: CPU per camera", theirs, "% of a core"),
        Measurement.plain("Vigil: CPU per camera", cpu, "% of a core"),
        Measurement.plain("Vigil: CPU per camera, recording off", without, "% of a core"),
        Measurement.plain("Vigil: wake-ups per camera and second", on[-1].vigil.wakeups / cameras, ""),
        Measurement.plain("ffmpeg: wake-ups per camera and second", on[-1].ffmpeg.wakeups / cameras, ""),
        Measurement.at_most("CPU, Vigil to ffmpeg", cpu / theirs, "", CPU_RATIO),
        Measurement.at_most("CPU of recording alone, Vigil to ffmpeg", (cpu - without) / theirs, "", CPU_RATIO),
        Measurement.plain("ffmpeg: memory per camera", their_memory, "MB"),
        Measurement.plain("Vigil: memory per camera", memory, "MB"),
        Measurement.at_most("memory, Vigil to ffmpeg", memory / their_memory, "", MEMORY_RATIO),
    ]


def _slowdown(off: list[Window], on: list[Window]) -> Measurement:
    without = statistics.mean(one.inference_ms for one in off)
    percent = 100 * (statistics.mean(one.inference_ms for one in on) / without - 1)
    return Measurement.at_most("inference, slower by recording", percent, "%", SLOWDOWN_PERCENT)


@contextlib.contextmanager
def _ffmpeg_copies(url: str, folder: Path, count: int) -> Iterator[list[int]]:
    """Run one ffmpeg per camera that copies the stream into segments of four seconds."""
    processes = []
    try:
        for number in range(count):
            target = folder / f"ffmpeg-{number}"
            target.mkdir()
            command = [*FFMPEG, "-i", url, "-c", "copy", "-f", "segment", "-segment_time", "4"]
            options = ["-segment_format_options", "movflags=frag_keyframe+empty_moov", str(target / "%06d.mp4")]
            processes.append(subprocess.Popen([*command, *options]))
        yield [process.pid for process in processes]
        ended = [process.returncode for process in processes if process.poll() is not None]
        assert not ended, f"ffmpeg has ended: {ended}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)
