"""Segments, gaps and the choice of what is kept, from packets to files that a player opens."""

import errno
import io
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from tests.integration.services.made_clips import as_stream, make_clip
from tests.unit.detector.recording.recorded import BEGIN, Clocks, play, recorder_on, spool_of

from cctv.clips.packet_buffer import Packet
from cctv.recording.fragments import DamagedSegmentError, read
from cctv.recording.recorder import SegmentFeed
from cctv.recording.spool import RecordingSpool, Waiting
from cctv.recording.writer import SegmentWriter
from vigil_contracts.geometry import Box
from vigil_contracts.motion_grid import cells_of_boxes, decode
from vigil_contracts.preview import preview_box, preview_in
from vigil_contracts.recording import GapReason, RecordingGap

PLACE = Box(0.1, 0.2, 0.3, 0.4)
ROOT = Path(__file__).parents[4]


def frames_in(path: Path) -> list[float]:
    """Return the times of all frames that a player decodes, in seconds since 1970."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0.0) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("codec", "encoder", "name"), [("h264", "libx264", "avc1."), ("hevc", "libx265", "hvc1.1.6.L")]
)
def test_segments_follow_each_other_without_a_lost_frame(tmp_path: Path, codec: str, encoder: str, name: str) -> None:
    clip = make_clip(tmp_path / "in.mp4", seconds=10, codec=encoder)
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks, codec)
    kept = spool_of(recorder).waiting(7)
    assert [one.facts.start_ms - round(BEGIN * 1000) for one in kept] == [0, 4000, 8000]
    assert [later.facts.start_ms - former.segment.end_ms for former, later in pairwise(kept)] == [0, 0]
    assert all(one.facts.longest_fragment_ms <= 1000 for one in kept)
    assert {one.facts.init_id for one in kept} == {kept[0].facts.init_id}
    assert kept[0].facts.codecs.startswith(name)
    assert (kept[0].facts.width, kept[0].facts.height) == (320, 192)
    times = [at for one in kept for at in frames_in(one.path)]
    assert len(times) == 100 == sum(one.facts.frames for one in kept)
    assert all(0.05 < later - former < 0.15 for former, later in pairwise(times))
    assert times[0] == pytest.approx(BEGIN, abs=0.01)


def test_each_segment_contains_a_preview_and_still_plays(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=10), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    made: list[float] = []

    def preview() -> bytes:
        made.append(clocks.passed)
        return b"\xff\xd8%d" % len(made)

    def analyse(_: float) -> None:
        recorder.note_frame(clocks.monotonic(), has_motion=False, preview=preview)

    play(clip, recorder, clocks, each=analyse)
    kept = spool_of(recorder).waiting(7)
    found = [preview_in(one.path.read_bytes()) for one in kept]
    assert all(one is not None for one in found)
    assert len(set(found)) == len(kept) == 3
    assert len(made) <= 6, "at most one for two seconds"
    for one in kept:
        assert one.segment.size_bytes == one.path.stat().st_size
        assert len(frames_in(one.path)) == one.facts.frames
    assert RecordingSpool(tmp_path / "spool", lambda: 10**9).waiting(7) == kept, "as another process finds them"


def test_a_failing_or_missing_preview_disturbs_nothing(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=5), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)

    def preview() -> bytes:
        raise ValueError("no picture")

    play(clip, recorder, clocks, each=lambda _: recorder.note_frame(1e4, has_motion=False, preview=preview))
    kept = spool_of(recorder).waiting(7)
    assert [preview_in(one.path.read_bytes()) for one in kept] == [None, None]
    whole = kept[0].path.read_bytes()
    kept[0].path.write_bytes(whole + preview_box(b"cut off")[:-3])
    assert read(io.BytesIO(kept[0].path.read_bytes())).whole_bytes == len(whole)


def test_a_change_of_size_begins_a_segment_with_its_own_initialisation(tmp_path: Path) -> None:
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "a.mp4", seconds=2), recorder, clocks)
    play(make_clip(tmp_path / "b.mp4", seconds=2, size=(640, 384)), recorder, clocks)
    first, second = spool_of(recorder).waiting(7)
    assert first.facts.init_id != second.facts.init_id
    assert (second.facts.width, second.facts.height) == (640, 384)
    assert second.facts.start_ms >= first.segment.end_ms


def test_an_interruption_is_a_gap_with_the_reason_of_the_stream(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=2), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    recorder.note_fault("StreamUnreachable")
    clocks.passed += 30
    play(clip, recorder, clocks)
    (gap,) = spool_of(recorder).gaps(7)
    first, second = spool_of(recorder).waiting(7)
    assert gap == RecordingGap(
        start_ms=first.segment.end_ms, end_ms=second.facts.start_ms, reason="StreamUnreachable"
    )


def test_the_time_without_a_process_is_a_gap_and_the_time_while_off_is_none(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=2), Clocks()
    play(clip, recorder_on(tmp_path / "spool", clocks), clocks)
    clocks.passed += 60
    restarted = recorder_on(tmp_path / "spool", clocks)
    play(clip, restarted, clocks)
    assert [gap.reason for gap in spool_of(restarted).gaps(7)] == [GapReason.RECORDER_STOPPED]
    restarted.apply(restarted.settings.model_copy(update={"mode": "off"}))
    off = recorder_on(tmp_path / "spool", clocks, mode="off")
    clocks.passed += 60
    off.apply(restarted.settings.model_copy(update={"mode": "continuous"}))
    play(clip, off, clocks)
    assert len(spool_of(off).gaps(7)) == 1


def test_mode_motion_keeps_what_is_around_the_motion(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=60, rate=2, keyframe_every=2), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, mode="motion", seconds_before=3, seconds_after=5)

    def see(at: float) -> None:
        recorder.note_frame(clocks.monotonic(), has_motion=20 <= at < 22, places=[PLACE] if 20 <= at < 22 else [])

    play(clip, recorder, clocks, each=see)
    kept = spool_of(recorder).waiting(7)
    assert [one.facts.start_ms / 1000 - BEGIN for one in kept] == [16.0, 20.0, 24.0]
    assert [one.motion for one in kept] == [0, 50, 0]
    cells = cells_of_boxes([PLACE])
    assert [one.cells for one in kept] == [0, cells, 0]
    assert len(list((tmp_path / "spool" / "7").iterdir())) == 3 + 4 + 1, "three kept, four undecided"
    recorder.decide(is_last=True)
    assert len(spool_of(recorder).waiting(7)) == 7, "undecided ones are kept rather than lost"
    assert spool_of(recorder).gaps(7) == []
    recovered = RecordingSpool(tmp_path / "spool", lambda: 10**9).waiting(7)
    assert decode(recovered[1].segment.motion_cells) == cells, "another process reads it from the file's name"


def test_mode_alerts_ignores_motion_and_keeps_alerts(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=50, rate=2, keyframe_every=2), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, mode="alerts", seconds_before=0, seconds_after=0)

    def see(at: float) -> None:
        recorder.note_frame(clocks.monotonic(), has_motion=True)
        if at == 10.0:
            recorder.note_alert(clocks.monotonic())

    play(clip, recorder, clocks, each=see)
    clocks.passed += 60
    recorder.decide()
    assert [one.facts.start_ms / 1000 - BEGIN for one in spool_of(recorder).waiting(7)] == [8.0]
    assert len(list((tmp_path / "spool" / "7").iterdir())) == 2


def test_a_full_spool_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=12), Clocks()
    whole = recorder_on(tmp_path / "whole", clocks)
    play(clip, whole, clocks)
    sizes = [one.facts.whole_bytes for one in spool_of(whole).waiting(7)]
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, max_bytes=sizes[-1] + 1000)
    play(clip, recorder, clocks)
    (last,) = spool_of(recorder).waiting(7)
    (gap,) = spool_of(recorder).gaps(7)
    assert gap == RecordingGap(start_ms=round(BEGIN * 1000), end_ms=last.facts.start_ms, reason=GapReason.SPOOL_FULL)


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=2), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, max_bytes=0)
    play(clip, recorder, clocks)
    assert spool_of(recorder).waiting(7) == []
    assert [gap.reason for gap in spool_of(recorder).gaps(7)] == [GapReason.SPOOL_FULL]


def test_a_failing_disk_is_a_gap_and_does_not_reach_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=16), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    write = SegmentWriter.write

    def fail(self: SegmentWriter, *arguments: Any, **named: Any) -> None:
        if 5.0 <= clocks.passed < 11.0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, *arguments, **named)

    monkeypatch.setattr(SegmentWriter, "write", fail)
    play(clip, recorder, clocks)
    gaps = spool_of(recorder).gaps(7)
    assert [gap.reason for gap in gaps] == [GapReason.WRITE_FAILED]
    kept = spool_of(recorder).waiting(7)
    assert kept[-1].segment.end_ms == pytest.approx((BEGIN + 16) * 1000, abs=200)
    lost_ms = 16_000 - sum(one.facts.duration_ms for one in kept)
    assert lost_ms == pytest.approx(gaps[0].end_ms - gaps[0].start_ms, abs=200)
    assert 5_500 < lost_ms < 7_500


WRITER = """
import sys, time
from pathlib import Path
import av
from tests.integration.services.made_clips import as_stream
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool
from vigil_contracts.recording import RecordingSettings
spool = RecordingSpool(Path(sys.argv[2]), lambda: 10**9)
feed = SegmentRecorder(7, RecordingSettings(mode="continuous"), spool).feed("h264", None, None)
began, zero = time.monotonic(), None
with av.open(as_stream(Path(sys.argv[1])), "r") as container:
    for one in container.demux(video=0):
        if one.size:
            at = float(one.dts * one.time_base)
            zero = at if zero is None else zero
            time.sleep(max(0.0, began + at - zero - time.monotonic()))
            feed.add(one)
            print(time.time(), flush=True)
"""


def test_a_killed_recorder_loses_less_than_two_seconds_and_no_file_is_damaged(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", seconds=9, rate=10, keyframe_every=40)
    paths = ":".join([str(ROOT), *(str(ROOT / name) for name in ("contracts", "detector_image"))])
    command = [sys.executable, "-c", WRITER, str(clip), str(tmp_path / "spool")]
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        written = [float(process.stdout.readline()) for _ in range(57)]
        process.send_signal(signal.SIGKILL)
        written += [float(line) for line in process.stdout.read().splitlines()]
    assert list((tmp_path / "spool" / "7").glob("*.part"))
    spool = RecordingSpool(tmp_path / "spool", lambda: 10**9)
    kept = spool.waiting(7)
    assert written[-1] - kept[-1].segment.end_ms / 1000 < 2.0
    assert not list((tmp_path / "spool" / "7").glob("*.part"))
    assert sum(len(frames_in(one.path)) for one in kept) == sum(one.facts.frames for one in kept)
    assert spool.recorded_until(7) == kept[-1].segment.end_ms


def test_packets_are_written_a_few_at_a_time_and_keyframes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, clocks = make_clip(tmp_path / "in.mp4", seconds=4, rate=10, keyframe_every=20), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    feed = recorder.feed("h264", None, None)
    assert feed is not None
    taken: list[Packet] = []
    take = SegmentFeed.take

    def note(feed: SegmentFeed, one: Packet) -> None:
        taken.append(one)
        take(feed, one)

    monkeypatch.setattr(SegmentFeed, "take", note)
    counts = []
    with av.open(as_stream(clip), "r") as container:
        for number, one in enumerate(one for one in container.demux(video=0) if one.size):
            clocks.passed = number / 10
            feed.add(one)
            counts.append(len(taken))
    assert counts[:8] == [1, 1, 1, 1, 1, 1, 7, 7], "each half second"
    assert counts[19:22] == [19, 21, 21], "and the keyframe, which may begin a segment"
    assert [one.received_at for one in taken[:3]] == pytest.approx([1000.0, 1000.1, 1000.2])
    feed.end()
    recorder.decide(is_last=True)
    assert len(taken) == 40
    assert sum(len(frames_in(one.path)) for one in spool_of(recorder).waiting(7)) == 40, "the last ones, too"


def test_every_place_at_which_a_file_may_end_is_recovered_or_deleted(tmp_path: Path) -> None:
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "in.mp4", seconds=3), recorder, clocks)
    (whole,) = spool_of(recorder).waiting(7)
    content = whole.path.read_bytes()
    folder = tmp_path / "cut" / "7"
    folder.mkdir(parents=True)
    recovered = 0
    for end in range(0, len(content), max(1, len(content) // 40)):
        part = folder / f"{whole.facts.start_ms}.part"
        part.write_bytes(content[:end])
        kept = RecordingSpool(tmp_path / "cut", lambda: 10**9).waiting(7)
        for one in kept:
            assert len(frames_in(one.path)) == one.facts.frames > 0
            one.path.unlink()
        recovered += bool(kept)
        assert not list(folder.glob("*.part"))
    assert 30 < recovered < 41


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\0\0\0\x10ftypisom\0\0\0\0" + b"\xff" * 50], ids=range(3))
def test_garbage_is_no_segment(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(DamagedSegmentError):
        read(file)


def test_a_registered_segment_is_gone_from_the_spool(tmp_path: Path) -> None:
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "in.mp4", seconds=2), recorder, clocks)
    spool = spool_of(recorder)
    (waiting,) = spool.waiting(7)
    assert isinstance(waiting, Waiting)
    assert spool.cameras() == [7]
    assert spool.size_bytes(7) == waiting.path.stat().st_size
    spool.done(waiting)
    assert (spool.cameras(), spool.size_bytes(7), waiting.path.exists()) == ([], 0, False)
    assert spool.recorded_until(7) == waiting.segment.end_ms
