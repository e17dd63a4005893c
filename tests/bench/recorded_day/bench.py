"""A day of one camera, recorded as fast as possible: is every second there, or explained?

    make bench BENCH=recorded_day

The recorder gets the packets of a clip with the clock of a day that passes in minutes. In between, the stream fails
for known reasons, and the recorder is killed and starts again. Everything but the clock and the connection is real:
files, recovery, gaps. `VIGIL_BENCH_HOURS` shortens the day, `VIGIL_BENCH_SEED` changes the order of faults.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from tests.bench.report import Measurement
from tests.integration.services.made_clips import make_clip
from tests.unit.detector.recording.recorded import Clocks, packets_of

from cctv.clips.packet_buffer import Packet
from cctv.recording.recorder import SegmentFeed, SegmentRecorder
from cctv.recording.spool import RecordingSpool
from vigil_contracts.names import Reason
from vigil_contracts.recording import GapReason, RecordedSegment, RecordingGap, RecordingMode, RecordingSettings

CAMERA = 7
PRESENT_PERCENT, LOST_SECONDS = 99.9, 2.0
STREAM_FAULTS = (Reason.STREAM_TIMEOUT, Reason.STREAM_UNREACHABLE, Reason.STREAM_ENDED, Reason.STREAM_FROZEN)
FAULT_EVERY_SECONDS, LONGEST_OUTAGE_SECONDS = 1800.0, 120.0


@dataclass(slots=True)
class _Day:
    """The recorder of one process, and what it has registered so far."""

    folder: Path
    clocks: Clocks
    segments: list[RecordedSegment]
    gaps: list[RecordingGap]
    headers: bytes
    recorder: SegmentRecorder | None = None
    feed: SegmentFeed | None = None
    spool: RecordingSpool = field(init=False)
    killed: list[SegmentFeed | None] = field(default_factory=list)
    """Kept, since Python would close their files, which a killed process cannot."""

    def start(self) -> None:
        """Start a process: it recovers what the former one left."""
        self.spool = RecordingSpool(self.folder, lambda: 10**12)
        settings = RecordingSettings(mode=RecordingMode.CONTINUOUS)
        clocks = self.clocks
        self.recorder = SegmentRecorder(
            CAMERA, settings, self.spool, wall_clock=clocks.wall, monotonic=clocks.monotonic
        )
        self.connect()

    def connect(self) -> None:
        """Open a connection."""
        assert self.recorder is not None
        self.feed = self.recorder.feed("h264", self.headers, None)

    def disconnect(self, reason: Reason) -> None:
        """End the connection for a reason of the stream."""
        assert self.recorder is not None
        assert self.feed is not None
        self.recorder.note_fault(reason)
        self.feed.end()

    def register(self) -> None:
        """Take over what is waiting, as the API does."""
        for one in self.spool.waiting(CAMERA):
            self.segments.append(one.segment)
            self.spool.done(one)
        gaps = self.spool.gaps(CAMERA)
        self.gaps += gaps
        self.spool.gaps_done(CAMERA, gaps)


def measure() -> list[Measurement]:
    """Record the day and compare what was registered with what was sent."""
    seconds = 3600 * float(os.environ.get("VIGIL_BENCH_HOURS", "24"))
    order = random.Random(int(os.environ.get("VIGIL_BENCH_SEED", "4711")))
    began = time.monotonic()
    memory = "/dev/shm" if Path("/dev/shm").exists() else None  # without waiting for a disk 40,000 times
    with tempfile.TemporaryDirectory(prefix="vigil-bench-", dir=memory) as temporary:
        folder = Path(temporary)
        clip = make_clip(folder / "clip.mp4", seconds=8, rate=2, keyframe_every=4, size=(320, 192))
        packets = list(packets_of(clip))
        day = _Day(folder / "spool", Clocks(), [], [], packets[0].headers)
        day.start()
        begin = day.clocks.wall()
        outages = _record(day, packets, seconds, order)
        day.disconnect(Reason.STREAM_ENDED)
        day.register()
        end = day.clocks.wall()
    sent = seconds - sum(stop - start for start, stop, _ in outages)
    recorded = sum(one.duration_ms for one in day.segments) / 1000
    ordered = sorted(day.segments, key=lambda one: one.start_ms)
    overlaps = sum(one.end_ms > following.start_ms + 1 for one, following in pairwise(ordered))
    missing = [(one.end_ms, later.start_ms) for one, later in pairwise(ordered) if later.start_ms - one.end_ms > 1000]
    unexplained = [hole for hole in missing if not _is_explained(hole, day.gaps)]
    lost = [
        start - hole[0] / 1000
        for hole in missing
        for start, stop, _ in outages
        if hole[0] / 1000 <= stop <= hole[1] / 1000 + 3
    ]
    killed = sum(reason == GapReason.RECORDER_STOPPED for _, _, reason in outages)
    return [
        Measurement.plain("recorded time", (end - begin) / 3600, "h"),
        Measurement.plain("outages of the stream", len(outages) - killed, ""),
        Measurement.plain("kills of the recorder", killed, ""),
        Measurement.plain("segments", len(ordered), ""),
        Measurement.at_least("seconds present of those that were sent", 100 * recorded / sent, "%", PRESENT_PERCENT),
        Measurement.exactly("gaps of over 1 s without a reason", len(unexplained), "", 0),
        Measurement.exactly("overlapping segments", overlaps, "", 0),
        Measurement.at_most("longest time lost before an outage", max(lost, default=0.0), "s", LOST_SECONDS),
        Measurement.plain("duration of the run", time.monotonic() - began, "s"),
    ]


def _record(day: _Day, packets: list[Packet], seconds: float, order: random.Random) -> list[tuple[float, float, str]]:
    """Send the day; return begin, end and reason of each outage."""
    outages: list[tuple[float, float, str]] = []
    until = day.clocks.passed + seconds
    next_fault = day.clocks.passed + order.uniform(0.5, 1.5) * FAULT_EVERY_SECONDS
    for packet in _endless(packets):
        if day.clocks.passed >= until:
            return outages
        assert day.feed is not None
        day.feed.take(replace(packet, received_at=day.clocks.monotonic()))
        day.clocks.passed += 0.5
        if day.clocks.passed >= next_fault and packet.is_keyframe is False:
            outages.append(_interrupt(day, order))
            next_fault = day.clocks.passed + order.uniform(0.5, 1.5) * FAULT_EVERY_SECONDS
        if len(day.spool.waiting(CAMERA)) >= 20:
            day.register()
    raise AssertionError("the packets have ended")


def _interrupt(day: _Day, order: random.Random) -> tuple[float, float, str]:
    """Let the stream fail, or kill the recorder, for some seconds."""
    begin, length = day.clocks.wall(), order.uniform(2.0, LONGEST_OUTAGE_SECONDS)
    if order.random() < 0.25:
        day.clocks.passed += length
        day.killed.append(day.feed)
        day.start()  # the former recorder and its unfinished file are left as a killed process leaves them
        return begin, day.clocks.wall(), GapReason.RECORDER_STOPPED
    reason = order.choice(STREAM_FAULTS)
    day.disconnect(reason)
    day.clocks.passed += length
    day.connect()
    return begin, day.clocks.wall(), reason


def _endless(packets: list[Packet]) -> Iterator[Packet]:
    """Yield the packets again and again, with times that go on."""
    shift, length = 0.0, len(packets) * 0.5
    while True:
        for one in packets:
            yield replace(one, pts=(one.pts or 0.0) + shift, dts=(one.dts or 0.0) + shift)
        shift += length


def _is_explained(hole: tuple[int, int], gaps: list[RecordingGap]) -> bool:
    return any(gap.start_ms <= hole[0] + 100 and hole[1] <= gap.end_ms + 100 for gap in gaps)
