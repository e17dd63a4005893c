"""The demo camera's RTSP server against libav, an independent client."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vigil_demo.clip import Clip, InvalidClipError, load_clip
from vigil_demo.rtsp_messages import DigestAuthentication
from vigil_demo.rtsp_server import RtspServer

FRAMES = 30
RATE = 15


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two seconds in which the frame's brightness rises, with a keyframe each second."""
    path = tmp_path_factory.mktemp("clip") / "rising.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"bf": "0", "g": str(RATE)})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        noise = np.random.default_rng(1).integers(0, 40, (192, 320, 3), dtype=np.uint8)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(noise + np.uint8(5 * number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return load_clip(path)


@contextmanager
def serving(clip: Clip, authentication: DigestAuthentication | None = None) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    ready, ports = threading.Event(), list[int]()

    def on_ready(port: int) -> None:
        ports.append(port)
        ready.set()

    task = loop.create_task(RtspServer(clip, authentication=authentication).serve("127.0.0.1", 0, on_ready))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            for pending in asyncio.all_tasks(loop):
                loop.run_until_complete(asyncio.wait({pending}, timeout=5))
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(5)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)
        assert not thread.is_alive()


def play(url: str, transport: str, frames: int) -> list[tuple[float, float]]:
    """The first frames' moments in seconds and their mean brightness."""
    seen: list[tuple[float, float]] = []
    with av.open(url, options={"rtsp_transport": transport}, timeout=5) as container:
        for frame in container.decode(video=0):
            seen.append((float(frame.time or 0), float(frame.to_ndarray(format="gray").mean())))
            if len(seen) == frames:
                break
    return seen


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_libav_plays_across_the_loop_in_real_time(clip: Clip, transport: str) -> None:
    with serving(clip) as port:
        seen = play(f"rtsp://127.0.0.1:{port}/demo", transport, 45)
    steps = np.diff([seconds for seconds, _ in seen])
    assert np.allclose(steps, 1 / RATE, atol=0.005)
    brightness = np.diff([mean for _, mean in seen])
    assert (brightness < -50).sum() in {1, 2}
    assert ((brightness > 2) & (brightness < 8)).sum() >= 40


def test_several_clients_get_the_same_frames_and_leak_nothing(clip: Clip) -> None:
    with serving(clip) as port:
        results: list[int] = []
        threads = [
            threading.Thread(
                target=lambda kind=kind: results.append(len(play(f"rtsp://127.0.0.1:{port}/demo", kind, 20)))
            )
            for kind in ("tcp", "udp", "tcp", "udp")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert results == [20, 20, 20, 20]


def test_password_is_required(clip: Clip) -> None:
    with serving(clip, DigestAuthentication("viewer", "p@ss:wörd/1")) as port:
        good = f"rtsp://viewer:p%40ss%3Aw%C3%B6rd%2F1@127.0.0.1:{port}/demo"
        assert len(play(good, "tcp", 3)) == 3
        with pytest.raises(av.error.HTTPUnauthorizedError):
            play(f"rtsp://viewer:wrong@127.0.0.1:{port}/demo", "tcp", 1)
        with pytest.raises(av.error.HTTPUnauthorizedError):
            play(f"rtsp://127.0.0.1:{port}/demo", "tcp", 1)


@pytest.mark.parametrize("path", ["other", "demolition", "demo/other", ""])
def test_another_path_is_not_found(clip: Clip, path: str) -> None:
    with serving(clip) as port, pytest.raises(av.error.HTTPNotFoundError):
        play(f"rtsp://127.0.0.1:{port}/{path}", "tcp", 1)


def test_file_without_h264_is_rejected_by_name(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(InvalidClipError, match=r"still\.mp4: must hold an H\.264 video stream"):
        load_clip(path)
