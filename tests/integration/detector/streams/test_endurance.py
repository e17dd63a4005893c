"""A long-lived stream: reconnections and damage leak nothing."""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.integration.detector.streams.conftest import Watch
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera

from vigil_contracts.names import Reason
from vigil_demo.clip import load_clip

MEGABYTE = 1024 * 1024
RECONNECTIONS = 200


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    gc.collect()  # also closes files left by earlier tests, before open files are counted
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(script: Script, clip_path: Path, connection: Connection) -> None:
    """Run a camera in a separate process, so that its memory does not look like a leak of the reader."""
    with misbehaving_camera(replace(script, clip=load_clip(clip_path))) as camera:
        connection.send(camera.url)
        connection.recv()


@contextlib.contextmanager
def camera_process(script: Script, clip_path: Path) -> Iterator[str]:
    """Return the URL of a camera in another process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(script, clip_path, theirs))
    process.start()
    assert ours.poll(30), "the camera did not start"
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join(10)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "script",
    [Script(breaks_after_seconds=0.1, speed=4.0), Script(status={"DESCRIBE": 404})],
    ids=["breaks in the middle", "refuses"],
)
def test_two_hundred_reconnections_leak_nothing(clip_path: Path, watch: Watch, script: Script) -> None:
    with camera_process(script, clip_path) as url:
        watched = watch(url, first_pause_seconds=0.01, longest_pause_seconds=0.01)
        watched.frames = _Forgetful()

        def tries() -> float:
            return watched.failures(Reason.STREAM_ENDED) + watched.failures(Reason.STREAM_NOT_FOUND)

        eventually(lambda: tries() >= 30, 60, "warm")
        memory, threads, files = resident_bytes(), threading.active_count(), open_files()
        eventually(lambda: tries() >= 30 + RECONNECTIONS, 200, "two hundred reconnections")

        # Only one connection is open at a time: the gate's sockets and thread, and libav's socket.
        assert threading.active_count() <= threads + 2
        assert open_files() <= files + 6
        assert resident_bytes() <= memory + 8 * MEGABYTE


class _Forgetful(list):  # type: ignore[type-arg]
    def append(self, _: object) -> None:
        """Drop the frames: kept ones would look like a leak."""


@pytest.mark.slow
def test_ten_minutes_of_a_damaged_stream_need_no_more_memory(clip_path: Path, watch: Watch) -> None:
    """Packets are lost and garbled all the time, and sent faster than real time over one connection."""
    with camera_process(Script(lost_share=0.05, garbled_share=0.2, speed=40.0), clip_path) as url:
        watched = watch(url)
        watched.frames = _Forgetful()

        def pictures() -> float:
            labels = {"camera": "1", "stage": "received"}
            return watched.metrics.registry.get_sample_value("vigil_frames_total", labels) or 0.0

        eventually(lambda: pictures() >= 1000, 60, "warm")
        memory, threads, files = resident_bytes(), threading.active_count(), open_files()
        eventually(lambda: pictures() >= 1000 + 10 * 60 * 10, 150, "ten minutes of ten pictures a second")

        assert resident_bytes() <= memory + 8 * MEGABYTE
        assert (threading.active_count(), open_files()) == (threads, files)
        assert watched.reasons == [Reason.STREAMING], "the damage cost pictures, not the stream"
