"""Cutting a clip out of a stream's packets."""

import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from tests.integration.services.made_clips import make_clip

from cctv import clips
from cctv.clips import ClipLimits, ClipRecorder, Packet, PacketBuffer
from vigil_contracts.alert import ClipSubmission

RATE = 10


def packet(number: int, *, key_every: int = 10, size: int = 100) -> Packet:
    return Packet(b"x" * size, number / RATE, number / RATE, number % key_every == 0, number / RATE)


def numbers(packets: list[Packet]) -> list[int]:
    return [round(one.received_at * RATE) for one in packets]


def test_a_clip_begins_with_a_keyframe() -> None:
    buffer = PacketBuffer(10**6)
    for number in range(100):
        buffer.add(packet(number))
    assert numbers(buffer.between(4.5, 6.0)) == list(range(40, 61))


def test_packets_before_the_first_keyframe_are_passed_over() -> None:
    buffer = PacketBuffer(10**6)
    for number in range(5, 25):
        buffer.add(packet(number))
    assert numbers(buffer.between(0, 100)) == list(range(10, 25))


def test_old_groups_go_and_the_one_that_reaches_into_the_window_stays() -> None:
    buffer = PacketBuffer(10**6)
    for number in range(100):
        buffer.add(packet(number))
        buffer.forget_before(number / RATE - 2.5)
    assert numbers(buffer.between(0, 100)) == list(range(70, 100))
    assert buffer.size_bytes == 30 * 100


def test_what_is_kept_is_bounded_in_bytes_even_without_keyframes() -> None:
    buffer = PacketBuffer(5_000)
    most = 0
    for number in range(1000):
        buffer.add(packet(number, key_every=10**9))
        buffer.forget_before(-1)
        most = max(most, buffer.size_bytes)
    assert most <= 5_000
    for number in range(1000, 1020):
        buffer.add(packet(number))
        buffer.forget_before(-1)
    assert numbers(buffer.between(0, 1000)) == list(range(1000, 1020)), "the next keyframe begins anew"


class Clock:
    """The monotonic clock, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_800_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clips, "time", made)
    return made


Made = list[tuple[ClipSubmission, bytes]]


def play(path: Path, recorder: ClipRecorder, clock: Clock, events: dict[int, str]) -> int:
    """Reads the clip as a stream of `RATE` packets a second; `events` by the packet with which they happen."""
    count = 0
    with av.open(str(path)) as container:
        recording = recorder.recording(container.streams.video[0])
        assert recording is not None
        for read in container.demux(video=0):
            recording.add(read)
            count += 1
            if count in events:
                recorder.want(events[count], clock.now)
            clock.now += 1 / RATE
        recording.end()
    return count


@pytest.mark.parametrize(("codec", "name", "tag"), [("libx264", "h264", "avc1"), ("libx265", "hevc", "hvc1")])
def test_the_seconds_around_an_event_as_an_mp4_that_decodes(
    tmp_path: Path, clock: Clock, codec: str, name: str, tag: str
) -> None:
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 1.05), lambda clip, content: made.append((clip, content)))
    began = clock.now
    play(make_clip(tmp_path / "in.mp4", seconds=6, codec=codec), recorder, clock, {25: "event-0001"})

    ((clip, content),) = made
    assert (clip.event_id, clip.camera) == ("event-0001", 7)
    assert clip.started_at.timestamp() == pytest.approx(1_800_000_000.0 + began + 1.0, abs=1e-3), "a keyframe"
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == (name, tag)
        pictures = list(container.decode(stream))
    assert len(pictures) == 25, "from the keyframe 1.4 s before to 1.0 s after"
    assert clip.duration_seconds == pytest.approx(2.4)
    assert not any(picture.is_corrupt for picture in pictures)


def test_an_event_at_the_streams_end_gets_what_there_is(tmp_path: Path, clock: Clock) -> None:
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 5.0), lambda clip, content: made.append((clip, content)))
    play(make_clip(tmp_path / "in.mp4", seconds=2), recorder, clock, {18: "event-0001", 19: "event-0002"})
    assert [clip.event_id for clip, _ in made] == ["event-0001", "event-0002"]


def test_an_event_of_a_stream_that_was_lost_gets_none_from_the_next_one(tmp_path: Path, clock: Clock) -> None:
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), lambda clip, content: made.append((clip, content)))
    recorder.want("event-0001", clock.now)
    clock.now += 60
    play(make_clip(tmp_path / "in.mp4", seconds=2), recorder, clock, {})
    assert made == []


def test_jpeg_streams_make_none(tmp_path: Path) -> None:
    recorder = ClipRecorder(7, ClipLimits(), lambda clip, content: None)
    with av.open(str(make_clip(tmp_path / "in.mp4", seconds=1, codec="mjpeg"))) as container:
        assert recorder.recording(container.streams.video[0]) is None


@pytest.mark.parametrize("limits", [ClipLimits(0, 0), ClipLimits(5, 5, 0)])
def test_they_can_be_switched_off(tmp_path: Path, limits: ClipLimits) -> None:
    recorder = ClipRecorder(7, limits, lambda clip, content: None)
    recorder.want("event-0001", 0.0)
    assert recorder.due(1e9) == []
    with av.open(str(make_clip(tmp_path / "in.mp4", seconds=1))) as container:
        assert recorder.recording(container.streams.video[0]) is None


@pytest.mark.parametrize(
    "times",
    [
        [None] * 30,
        [number / RATE for number in range(15)] + [number / RATE for number in range(15)],
        [0.0] * 30,
        [number / RATE + (3600 if number > 9 else 0) for number in range(30)],
    ],
    ids=["missing", "jump back", "stand still", "jump ahead"],
)
def test_bad_timestamps_make_a_clip_all_the_same(tmp_path: Path, times: list[Any]) -> None:
    with av.open(str(make_clip(tmp_path / "in.mp4", seconds=3))) as container:
        stream = container.streams.video[0]
        packets = [
            Packet(bytes(read), at, at, read.is_keyframe, number / RATE)
            for number, (read, at) in enumerate(zip(container.demux(stream), times, strict=False))
            if read.size
        ]
        content, seconds = clips.mux(packets, stream)
    with av.open(io.BytesIO(content), "r") as made:
        shown = [
            picture.pts * (picture.time_base or Fraction(1))
            for picture in made.decode(video=0)
            if picture.pts is not None
        ]
    assert len(shown) == 30
    assert all(later > earlier for earlier, later in pairwise(shown))
    assert seconds == pytest.approx(2.9, abs=0.2)


def test_a_failing_disk_costs_the_clip_alone(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(clip: ClipSubmission, content: bytes) -> None:
        raise OSError("disk")

    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), refuse)
    assert play(make_clip(tmp_path / "in.mp4", seconds=4), recorder, clock, {10: "event-0001"}) >= 40
    assert "no clip for event event-0001: OSError" in caplog.text
