"""A long life: reconnections without end, dead cameras, an API that was away, a disk that is full."""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tests.integration.detector.streams.conftest import Watch
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import a_person, detector, wait_until
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera

from cctv.config import Settings
from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool
from cctv.metrics import Metrics
from cctv.runtime.api import Api
from vigil_contracts.names import Reason
from vigil_demo.clip import load_clip

MEGABYTE = 1024 * 1024
RECONNECTIONS = 200


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    gc.collect()  # and with it files that former tests have left to it: asked before what is open is counted
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(script: Script, clip_path: Path, connection: Connection) -> None:
    """A camera in a process of its own, so that what it needs is not taken for a leak of the reader's."""
    with misbehaving_camera(replace(script, clip=load_clip(clip_path))) as camera:
        connection.send(camera.url)
        connection.recv()


@contextlib.contextmanager
def camera_process(script: Script, clip_path: Path) -> Iterator[str]:
    """The URL of a camera that runs elsewhere."""
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
    [Script(breaks_after_seconds=0.1), Script(status={"DESCRIBE": 404})],
    ids=["breaks in the middle", "refuses"],
)
def test_two_hundred_reconnections_leak_nothing(clip_path: Path, watch: Watch, script: Script) -> None:
    with camera_process(script, clip_path) as url:
        watched = watch(url, first_pause_seconds=0.01, longest_pause_seconds=0.01)
        watched.frames = _Forgetful()

        def tries() -> float:
            return watched.failures(Reason.STREAM_ENDED) + watched.failures(Reason.STREAM_NOT_FOUND)

        wait_until(lambda: tries() >= 30, 60, "warm")
        memory, threads, files = resident_bytes(), threading.active_count(), open_files()
        wait_until(lambda: tries() >= 30 + RECONNECTIONS, 200, "two hundred reconnections")

        # What is open at any moment belongs to one connection: the gate's sockets and thread, libav's socket.
        assert threading.active_count() <= threads + 2
        assert open_files() <= files + 6
        assert resident_bytes() <= memory + 8 * MEGABYTE


class _Forgetful(list):  # type: ignore[type-arg]
    def append(self, _: object) -> None:
        """Frames that are kept would look like a leak."""


@pytest.mark.slow
def test_ten_minutes_of_a_damaged_stream_need_no_more_memory(clip_path: Path, watch: Watch) -> None:
    """Lost and garbled packets all the time; sent faster than they happened, with one connection."""
    with camera_process(Script(lost_share=0.05, garbled_share=0.2, speed=40.0), clip_path) as url:
        watched = watch(url)
        watched.frames = _Forgetful()

        def pictures() -> float:
            labels = {"camera": "1", "stage": "received"}
            return watched.metrics.registry.get_sample_value("vigil_frames_total", labels) or 0.0

        wait_until(lambda: pictures() >= 1000, 60, "warm")
        memory, threads, files = resident_bytes(), threading.active_count(), open_files()
        wait_until(lambda: pictures() >= 1000 + 10 * 60 * 10, 150, "ten minutes of ten pictures a second")

        assert resident_bytes() <= memory + 8 * MEGABYTE
        assert (threading.active_count(), open_files()) == (threads, files)
        assert watched.reasons == [Reason.STREAMING], "the damage cost pictures, not the stream"


@pytest.mark.slow
def test_a_dead_camera_costs_under_one_percent_of_a_core(
    backend: BackendServer, shared: Path, tmp_path: Path
) -> None:
    user, pipeline = backend.create_user("anna"), ""
    pipeline = backend.token("anna", "pipeline")
    for number in range(10):
        backend.add_camera(user.token, name=f"dead {number}", rtsp_url=f"rtsp://127.0.0.1:{number + 1}/cam")
    settings = {"VIGIL_MODEL": str(shared / "models" / "yolov8n_int8_openvino_model")}
    with detector(tmp_path / "cctv", api_url=backend.url, token=pipeline, settings=settings) as cctv:
        wait_until(lambda: cctv.output.count("StreamUnreachable") >= 10, 60, "all ten are found dead")
        time.sleep(5)
        before, began = cctv.cpu_seconds(), time.monotonic()
        time.sleep(15)
        used = (cctv.cpu_seconds() - before) / (time.monotonic() - began)

    assert used / 10 < 0.01, f"{used / 10:.2%} of a core for each dead camera"


@contextlib.contextmanager
def sending(spool: Spool, backend: BackendServer, token: str) -> Iterator[Sender]:
    """A sender of the spool's alerts to the backend."""
    metrics = Metrics()
    api = Api(Settings(api_url=backend.url, token=token), metrics)
    sender = Sender(spool, api.deliver, metrics)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop(5)
        api.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_thousands_of_waiting_alerts_are_delivered_once_each_though_both_ends_are_killed(
    backend: BackendServer, tmp_path: Path
) -> None:
    """2,000 alerts of four cameras; the backend is killed once while they drain, the sender ended and begun again."""
    user = backend.create_user("anna")
    pipeline = backend.token("anna", "pipeline")
    cameras = [backend.add_camera(user.token, name=f"c{n}", rtsp_url="rtsp://10.0.0.1/x") for n in range(4)]
    spool = Spool(tmp_path / "spool", 1000 * MEGABYTE)
    count = 2000
    for number in range(count):
        spool.append(a_person(cameras[number % 4]), b"")
    with sending(spool, backend, pipeline):
        wait_until(lambda: spool.waiting().alerts < count - 200, 120, "it drains")
        backend.kill()
        time.sleep(2)
        assert spool.waiting().alerts > 0
    backend.start()
    began, left = time.monotonic(), spool.waiting().alerts
    with sending(spool, backend, pipeline):
        wait_until(lambda: spool.waiting().alerts == 0, 200, "all are delivered")
    print(f"{left} alerts in {time.monotonic() - began:.1f} s")
    spool.close()

    assert len({alert["event_id"] for alert in backend.alerts(user.token)}) == count
    assert len(backend.alerts(user.token)) == count


def test_a_full_disk_drops_the_oldest_and_keeps_going(small_disk: Path) -> None:
    dropped: list[str] = []
    spool = Spool(small_disk / "spool", 1000 * MEGABYTE, dropped=lambda camera_id, why: dropped.append(why))
    names = []
    for _ in range(60):
        submission = a_person(1)
        names.append(submission.event_id)
        assert spool.append(submission, b"x" * 500_000), "a new alert is worth more than the oldest"

    left = []
    while (entry := spool.head(1)) is not None:
        left.append(spool.read(entry)[0].event_id)
        spool.done(entry)
    spool.close()

    assert len(dropped) == 60 - len(left)
    assert set(dropped) == {"full"}
    assert left == names[-len(left) :]
    assert len(left) >= 25


def test_a_disk_filled_by_others_refuses_the_alert_until_there_is_room(small_disk: Path) -> None:
    dropped: list[str] = []
    spool = Spool(small_disk / "spool", 1000 * MEGABYTE, dropped=lambda camera_id, why: dropped.append(why))
    with contextlib.suppress(OSError), (small_disk / "other").open("wb") as other:
        while True:
            other.write(b"x" * 65536)

    with pytest.raises(OSError, match="No space left on device"):
        spool.append(a_person(1), b"x" * 500_000)
    assert spool.waiting().alerts == 0
    (small_disk / "other").unlink()
    assert spool.append(a_person(1), b"x" * 500_000)
    assert spool.waiting().alerts == 1
    assert dropped == [], "the caller still has the alert, so none is lost"
    spool.close()
