"""The demo camera as a process, played by libav and, if installed, ffmpeg and GStreamer."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.services.requirements import skip_without

from vigil_demo.yard_clip import FRAMES_PER_SECOND, ensure_yard_clip, read_truths

pytestmark = pytest.mark.timeout(300)  # the first of them renders the clip


@dataclass
class Camera:
    process: subprocess.Popen[str]
    lines: "queue.Queue[str]"
    url: str = ""

    def wait_for_url(self, timeout_seconds: float) -> str:
        deadline = time.monotonic() + timeout_seconds
        while not self.url:
            line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            if line.startswith("rtsp://"):
                self.url = line.strip()
        return self.url


@contextmanager
def camera(data_dir: Path, environment: Mapping[str, str] | None = None) -> Iterator[Camera]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vigil_demo.camera", "--port", "0", "--data-dir", str(data_dir)],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output, lines = process.stdout, queue.Queue[str]()

    def read() -> None:
        for line in output:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Camera(process, lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        reader.join(10)
        output.close()


def watch(url: str, transport: str, pictures: int) -> tuple[list[float], list[int]]:
    """Seconds and mean brightness of the first frames."""
    moments, brightness = [], []
    with av.open(url, options={"rtsp_transport": transport}, timeout=15) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        for frame in container.decode(video=0):
            assert (frame.width, frame.height) == (640, 360)
            moments.append(float(frame.time or 0))
            brightness.append(int(frame.to_ndarray(format="gray").mean()))
            if len(moments) == pictures:
                break
    return moments, brightness


def test_clip_has_a_keyframe_per_second_and_a_truth_per_frame(yard_clip: Path) -> None:
    with av.open(str(yard_clip)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert stream.average_rate == FRAMES_PER_SECOND
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == list(range(0, len(packets), 10))
    assert all(packet.pts == packet.dts for packet in packets)
    assert len(read_truths(yard_clip)) == len(packets) == 72 * FRAMES_PER_SECOND
    assert yard_clip.stat().st_size < 15_000_000


def test_existing_clip_is_not_rendered_again(yard_clip: Path) -> None:
    began, written = time.monotonic(), yard_clip.stat().st_mtime_ns
    assert ensure_yard_clip(yard_clip.parent) == yard_clip
    assert yard_clip.stat().st_mtime_ns == written
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_libav_plays_in_real_time(yard_clip: Path, transport: str) -> None:
    with camera(yard_clip.parent) as demo:
        url = demo.wait_for_url(30)
        began = time.monotonic()
        moments, brightness = watch(url, transport, 30)
        took = time.monotonic() - began
    assert np.allclose(np.diff(moments), 1 / FRAMES_PER_SECOND, atol=0.01)
    assert took > 2.0  # 29 frame intervals of a tenth of a second, minus queued frames
    assert all(40 < value < 200 for value in brightness)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_within_two_seconds_despite_viewers(yard_clip: Path, number: signal.Signals) -> None:
    with camera(yard_clip.parent) as demo:
        url = demo.wait_for_url(30)
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=15) as container:
            assert next(container.decode(video=0)).width == 640
            began = time.monotonic()
            demo.process.send_signal(number)
            assert demo.process.wait(5) == 0
            assert time.monotonic() - began < 2


def test_interrupted_rendering_leaves_no_incomplete_clip(tmp_path: Path) -> None:
    with camera(tmp_path) as demo:
        assert "rendering the demo clip" in demo.lines.get(timeout=60)
        began = time.monotonic()
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(10) == 0
        assert time.monotonic() - began < 4
    assert not list(tmp_path.iterdir())


def test_password_is_required_and_never_printed(yard_clip: Path) -> None:
    secrets = {"VIGIL_DEMO_CAMERA_USER": "viewer", "VIGIL_DEMO_CAMERA_PASSWORD": "marked-password"}
    with camera(yard_clip.parent, secrets) as demo:
        url = demo.wait_for_url(30)
        assert len(watch(url.replace("rtsp://", "rtsp://viewer:marked-password@"), "tcp", 3)[0]) == 3
        with pytest.raises(av.error.HTTPUnauthorizedError):
            watch(url, "tcp", 1)
        assert "marked-password" not in url
        assert not any("marked-password" in line for line in demo.lines.queue)


def test_port_conflict_is_reported(yard_clip: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "vigil_demo.camera", "--port", str(port), "--data-dir", str(yard_clip.parent)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert re.search(rf"vigil_demo\.camera: .*{port}.*address already in use", ended.stderr)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_plays_the_stream(yard_clip: Path, transport: str) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        skip_without("ffmpeg", "ffmpeg")
    with camera(yard_clip.parent) as demo:
        url = demo.wait_for_url(30)
        words = [ffmpeg, "-v", "error", "-rtsp_transport", transport, "-i", url, "-frames:v", "20", "-f", "null", "-"]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_gstreamer_plays_the_stream(yard_clip: Path, transport: str) -> None:
    launcher = shutil.which("gst-launch-1.0")
    if launcher is None:
        skip_without("gst-launch-1.0", "gstreamer1.0-tools", "gstreamer1.0-plugins-good")
    with camera(yard_clip.parent) as demo:
        url = demo.wait_for_url(30)
        words = [launcher, "-q", "rtspsrc", f"location={url}", f"protocols={transport}", "!"]
        words += ["rtph264depay", "!", "identity", "eos-after=20", "!", "fakesink"]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
