"""A hanging reader is interrupted, and abandoned if that does not help."""

import gc
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
import pytest

from cctv.common.frame import Frame
from cctv.common.mailbox import Mailbox
from cctv.metrics import Metrics
from cctv.streams.faults import StreamFault
from cctv.streams.health import CameraHealth
from cctv.streams.reader import Reader, ReaderOptions
from cctv.streams.source import StreamInfo
from vigil_contracts.names import Reason

INFO = StreamInfo(64, 48, "h264", 10.0)
OPTIONS = ReaderOptions(
    stuck_seconds=0.3,
    abandon_seconds=0.3,
    frozen_after_seconds=0.0,
    first_pause_seconds=0.05,
    longest_pause_seconds=0.1,
)


class HangingSource:
    """Gives one frame and then hangs; an obedient one ends when it is interrupted."""

    def __init__(self, *, is_obedient: bool) -> None:
        self.is_obedient, self.end = is_obedient, threading.Event()
        self.is_closed = self.sends_packets = False

    def open(self) -> StreamInfo:
        return INFO

    def info(self) -> StreamInfo:
        return INFO

    def frames(self) -> Iterator[av.VideoFrame]:
        yield av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        self.end.wait(30)
        raise StreamFault(Reason.STREAM_TIMEOUT)

    def received_at(self) -> float | None:
        return time.monotonic() if self.sends_packets else None

    def interrupt(self) -> None:
        if self.is_obedient:
            self.end.set()

    def close(self) -> None:
        self.is_closed = True


Started = Callable[[bool], tuple[Reader, list[HangingSource]]]


@pytest.fixture
def started() -> Iterator[Started]:
    made: list[HangingSource] = []
    readers: list[Reader] = []

    def start(is_obedient: bool) -> tuple[Reader, list[HangingSource]]:
        def make() -> HangingSource:
            made.append(HangingSource(is_obedient=is_obedient))
            return made[-1]

        mailbox: Mailbox[Frame] = Mailbox()
        reader = Reader(1, make, 30.0, mailbox, CameraHealth(lambda: None), Metrics(), OPTIONS)
        readers.append(reader)
        reader.start()
        return reader, made

    yield start
    for source in made:
        source.is_obedient = True
        source.end.set()
    for reader in readers:
        assert reader.stop(5.0)


def _watched_until(reader: Reader, condition: Callable[[], bool]) -> None:
    """Checks as the watchdog does, only more often."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        reader.check()
        time.sleep(0.02)


def test_hanging_read_is_interrupted_and_retried(started: Started) -> None:
    reader, made = started(True)
    _watched_until(reader, lambda: len(made) >= 3)
    assert all(source.is_closed for source in made[:2])
    labels = {"camera": "1", "reason": "StreamTimeout"}
    assert reader.metrics.registry.get_sample_value("vigil_stream_reconnects_total", labels) == 2.0


def test_an_ended_connection_is_freed_while_the_next_one_runs() -> None:
    made: list[weakref.ref[HangingSource]] = []

    def make() -> HangingSource:
        source = HangingSource(is_obedient=True)
        made.append(weakref.ref(source))
        return source

    reader = Reader(1, make, 30.0, Mailbox(), CameraHealth(lambda: None), Metrics(), OPTIONS)
    gc.disable()
    try:
        reader.start()
        _watched_until(reader, lambda: len(made) >= 2 and reader.health.is_streaming)
        assert made[0]() is None, "nothing keeps its decoder in memory"
    finally:
        gc.enable()
        assert reader.stop(5.0)


class NoMailbox(Mailbox[Frame]):
    """Drops frames at once."""

    def put(self, item: Frame) -> bool:
        return False


class SlowSource(HangingSource):
    """Counts who holds a frame while the next one is awaited."""

    def __init__(self) -> None:
        super().__init__(is_obedient=True)
        self.references: list[int] = []

    def frames(self) -> Iterator[av.VideoFrame]:
        for _ in range(2):
            picture = av.VideoFrame(64, 48, "yuv420p")
            yield picture
            self.references.append(sys.getrefcount(picture))
        yield from super().frames()


def test_the_reader_holds_no_frame_while_it_waits() -> None:
    """Of a stream that no model analyses, the next one may come seconds later."""
    source = SlowSource()
    reader = Reader(1, lambda: source, 30.0, NoMailbox(), CameraHealth(lambda: None), Metrics(), OPTIONS)
    reader.start()
    _watched_until(reader, lambda: len(source.references) == 2)

    assert reader.stop(5.0)
    assert max(source.references) <= 2, "this source alone, and the argument of getrefcount"


def test_hanging_thread_is_abandoned_and_replaced(started: Started, caplog: pytest.LogCaptureFixture) -> None:
    reader, made = started(False)
    _watched_until(reader, lambda: len(made) >= 2)
    assert not made[0].is_closed, "nothing can end it"
    assert "the reading thread does not respond to an interrupt; starting a new one" in caplog.text

    taken = reader.sequence
    made[0].end.set()  # the abandoned one wakes up at last: it neither delivers nor tries again
    time.sleep(0.3)
    assert made[0].is_closed
    assert reader.sequence <= taken + len(made)


def test_packets_without_frames_are_left_to_the_source(started: Started) -> None:
    reader, made = started(True)
    _watched_until(reader, lambda: reader.sequence == 1)
    made[0].sends_packets = True
    began = time.monotonic()
    while time.monotonic() - began < OPTIONS.stuck_seconds * 2:
        reader.check()
        time.sleep(0.02)

    assert not made[0].end.is_set()
    made[0].sends_packets = False
    _watched_until(reader, lambda: made[0].end.is_set())


def test_reader_waiting_for_a_retry_is_not_hanging(started: Started) -> None:
    reader, made = started(True)
    began = time.monotonic()
    while time.monotonic() - began < 0.2:
        reader.check()
    assert len(made) == 1, "it is left in peace until then"


def _frames(damaged: set[int]) -> Iterator[av.VideoFrame]:
    """Decode H.264 in four slices a frame, of which these frames lose one, as over a lossy network."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", Fraction(1, 10)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "slices=4:sliced-threads=0"}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    pictures = (np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8) for seed in itertools.count())
    packets = (
        one for picture in pictures for one in encoder.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    )
    for number, packet in enumerate(packets):
        data = bytes(packet)
        yield from decoder.decode(av.Packet(data[: data.rindex(b"\0\0\1")] if number in damaged else data))


class LossySource(HangingSource):
    """Gives six frames, of which the third and the fourth are damaged, and then hangs."""

    def frames(self) -> Iterator[av.VideoFrame]:
        yield from itertools.islice(_frames({2, 3}), 6)
        self.end.wait(30)


def test_damaged_frames_are_counted_and_not_analysed() -> None:
    taken: list[int] = []

    class Collected(Mailbox[Frame]):
        def put(self, item: Frame) -> bool:
            taken.append(item.sequence)
            return super().put(item)

    source, mailbox = LossySource(is_obedient=True), Collected()
    reader = Reader(1, lambda: source, 1e6, mailbox, CameraHealth(lambda: None), Metrics(), OPTIONS)
    reader.start()
    _watched_until(reader, lambda: reader.sequence >= 5)
    labels = {"camera": "1", "stage": "damaged"}
    _watched_until(reader, lambda: reader.metrics.registry.get_sample_value("vigil_frames_total", labels) == 2.0)
    assert reader.stop(5.0)
    assert not {3, 4} & set(taken)
    assert {1, 2, 5} <= set(taken)
