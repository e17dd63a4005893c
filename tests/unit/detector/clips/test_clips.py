"""Clips cut from a stream's packets."""

import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from tests.integration.services.made_clips import as_stream, make_clip

from cctv.clips.mp4 import mux
from cctv.clips.open_gop import without_lost_references
from cctv.clips.packet_buffer import Packet, PacketBuffer, fitting
from cctv.clips.parameter_sets import ParameterSets
from cctv.clips.recorder import ClipLimits, ClipOutcome, ClipRecorder
from vigil_contracts.alert import ClipSubmission

RATE = 10


def packet(number: int, *, key_every: int = 10, size: int = 100) -> Packet:
    return Packet(b"x" * size, number / RATE, number / RATE, number % key_every == 0, number / RATE)


def numbers(packets: list[Packet]) -> list[int]:
    return [round(one.received_at * RATE) for one in packets]


def test_a_clip_begins_with_a_keyframe() -> None:
    buffer = PacketBuffer()
    for number in range(100):
        buffer.add(packet(number))
    assert numbers(buffer.between(4.5, 6.0)) == list(range(40, 61))


def test_packets_before_the_first_keyframe_are_skipped() -> None:
    buffer = PacketBuffer()
    for number in range(5, 25):
        buffer.add(packet(number))
    assert numbers(buffer.between(0, 100)) == list(range(10, 25))


def test_only_groups_before_the_window_are_dropped() -> None:
    buffer = PacketBuffer()
    for number in range(100):
        buffer.add(packet(number))
        buffer.forget_before(number / RATE - 2.5)
    assert numbers(buffer.between(0, 100)) == list(range(70, 100))
    assert buffer.size_bytes == 30 * 100


@pytest.mark.parametrize(
    ("event_at", "max_bytes", "expected"),
    [
        (4.5, 10_000, range(100)),
        (4.5, 7_000, range(30, 100)),
        (4.5, 2_500, range(40, 65)),
        (4.9, 500, range(0)),
        (20.0, 10_000, range(0)),
    ],
    ids=["all fit", "older groups go", "the end goes", "the keyframe is too far away", "the event is not there"],
)
def test_shortened_clip_contains_its_event(event_at: float, max_bytes: int, expected: range) -> None:
    packets = [packet(number) for number in range(100)]
    assert numbers(fitting(packets, event_at, max_bytes)) == list(expected)


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
    monkeypatch.setattr("cctv.clips.recorder.time", made)
    return made


Made = list[tuple[ClipSubmission, bytes]]


def play(
    source: Path | BinaryIO,
    recorder: ClipRecorder,
    clock: Clock,
    events: dict[int, str],
    display_aspect: Fraction | None = None,
) -> int:
    """Reads the clip as a stream of `RATE` packets a second; `events` by the packet with which they happen."""
    count = 0
    with av.open(as_stream(source) if isinstance(source, Path) else source, "r") as container:
        context = container.streams.video[0].codec_context
        recording = recorder.recording(context.name, None, display_aspect)
        assert recording is not None
        for read in container.demux(video=0):
            recording.add(read)
            count += 1
            if count in events:
                recorder.request(events[count], clock.now)
            clock.now += 1 / RATE
        recording.end()
    return count


@pytest.mark.parametrize(("codec", "name", "tag"), [("libx264", "h264", "avc1"), ("libx265", "hevc", "hvc1")])
def test_clip_around_an_event_is_decodable(tmp_path: Path, clock: Clock, codec: str, name: str, tag: str) -> None:
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


def test_event_at_the_end_of_the_stream_gets_a_shorter_clip(tmp_path: Path, clock: Clock) -> None:
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 5.0), lambda clip, content: made.append((clip, content)))
    play(make_clip(tmp_path / "in.mp4", seconds=2), recorder, clock, {18: "event-0001", 19: "event-0002"})
    assert [clip.event_id for clip, _ in made] == ["event-0001", "event-0002"]


def test_event_gets_no_clip_from_the_next_connection(tmp_path: Path, clock: Clock) -> None:
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), lambda clip, content: made.append((clip, content)))
    recorder.request("event-0001", clock.now)
    clock.now += 60
    play(make_clip(tmp_path / "in.mp4", seconds=2), recorder, clock, {})
    assert made == []


def test_mjpeg_streams_have_no_clips_and_requests_expire() -> None:
    outcomes: list[ClipOutcome] = []
    recorder = ClipRecorder(7, ClipLimits(5, 5), lambda clip, content: None, outcomes.append)
    assert recorder.recording("mjpeg", None) is None
    for second in range(1000):
        recorder.request(f"event-{second:04}", float(second))
    assert len(recorder.due(1e9)) <= 70
    assert len(outcomes) >= 930
    assert set(outcomes) == {ClipOutcome.MISSING}


@pytest.mark.parametrize("limits", [ClipLimits(0, 0), ClipLimits(5, 5, 0)])
def test_clips_can_be_disabled(limits: ClipLimits) -> None:
    recorder = ClipRecorder(7, limits, lambda clip, content: None)
    recorder.request("event-0001", 0.0)
    assert recorder.due(1e9) == []
    assert recorder.recording("h264", None) is None


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
def test_invalid_timestamps_still_give_a_clip(tmp_path: Path, times: list[Any]) -> None:
    with av.open(as_stream(make_clip(tmp_path / "in.mp4", seconds=3)), "r") as container:
        headers = container.streams.video[0].codec_context.extradata or b""
        packets = [
            Packet(bytes(read), at, at, read.is_keyframe, number / RATE, headers)
            for number, (read, at) in enumerate(zip(container.demux(video=0), times, strict=False))
            if read.size
        ]
    content, seconds = mux(packets, "h264")
    with av.open(io.BytesIO(content), "r") as made:
        shown = [
            picture.pts * (picture.time_base or Fraction(1))
            for picture in made.decode(video=0)
            if picture.pts is not None
        ]
    assert len(shown) == 30
    assert all(later > earlier for earlier, later in pairwise(shown))
    assert seconds == pytest.approx(2.9, abs=0.2)


def test_packets_of_the_same_moment_do_not_stretch_the_clip(tmp_path: Path) -> None:
    """The parameter sets come as a packet of their own, and the keyframe after them takes 100 ms to arrive."""
    packets: list[Packet] = []
    with av.open(as_stream(make_clip(tmp_path / "in.mp4", seconds=3)), "r") as container:
        headers = container.streams.video[0].codec_context.extradata or b""
        for number, read in enumerate(one for one in container.demux(video=0) if one.size):
            at = number / RATE
            late = 0.0
            if read.is_keyframe:
                packets.append(Packet(headers, at, at, is_keyframe=False, received_at=at, headers=headers))
                late = 0.1
            packets.append(Packet(bytes(read), at, at, read.is_keyframe, at + late, headers))
    content, seconds = mux(packets[1:], "h264")
    assert seconds == pytest.approx(2.9, abs=0.01)
    with av.open(io.BytesIO(content), "r") as made:
        assert (made.duration or 0) / 1e6 == pytest.approx(3.0, abs=0.05)


def test_short_clip_with_constant_timestamps_uses_arrival_times(tmp_path: Path) -> None:
    with av.open(as_stream(make_clip(tmp_path / "in.mp4", seconds=1.5)), "r") as container:
        headers = container.streams.video[0].codec_context.extradata or b""
        packets = [
            Packet(bytes(read), 7.0, 7.0, read.is_keyframe, number / RATE, headers)
            for number, read in enumerate(container.demux(video=0))
            if read.size
        ]
    assert mux(packets, "h264")[1] == pytest.approx(1.4, abs=0.01)


def test_failing_disk_loses_only_the_clip(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(clip: ClipSubmission, content: bytes) -> None:
        raise OSError("disk")

    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), refuse)
    assert play(make_clip(tmp_path / "in.mp4", seconds=4), recorder, clock, {10: "event-0001"}) >= 40
    assert "no clip for event event-0001: OSError" in caplog.text


def decoded(content: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(content), "r") as container:
        return list(container.decode(video=0))


def one_clip(source: BinaryIO, clock: Clock, events: dict[int, str], limits: ClipLimits) -> bytes:
    made: Made = []
    recorder = ClipRecorder(7, limits, lambda clip, content: made.append((clip, content)))
    play(source, recorder, clock, events)
    ((_, content),) = made
    return content


def joined(*clips: Path) -> io.BytesIO:
    """One stream after the other on one connection: a camera whose settings are changed."""
    whole = io.BytesIO()
    for clip in clips:
        with av.open(str(clip)) as file:
            stream = file.streams.video[0]
            name = stream.codec_context.name
            to_annex_b = BitStreamFilterContext(f"{name}_mp4toannexb", stream)
            for read in [*file.demux(stream), None]:
                for written in to_annex_b.filter(read):
                    whole.write(bytes(written))
    whole.seek(0)
    return whole


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("event_at", [45, 25], ids=["after the change", "before and after the change"])
def test_a_change_of_resolution_decodes(tmp_path: Path, clock: Clock, codec: str, event_at: int) -> None:
    small = make_clip(tmp_path / "small.mp4", seconds=3, codec=codec)
    large = make_clip(tmp_path / "large.mp4", seconds=3, codec=codec, size=(640, 384))
    content = one_clip(joined(small, large), clock, {event_at: "event-0001"}, ClipLimits(1.0, 1.0))
    frames = strictly_decoded(content)
    sizes = [(frame.width, frame.height) for frame in frames]
    assert sizes[-1] == (640, 384)
    assert sizes[0] == ((640, 384) if event_at == 45 else (320, 192))
    assert len(frames) >= 20
    assert not any(frame.is_corrupt for frame in frames)
    for frame in frames:
        square = frame.to_ndarray(format="gray")[45:100]
        assert np.count_nonzero(square > 180) > 2000, "the white square is in each picture"
    with av.open(io.BytesIO(content), "r") as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) == sizes[0], "the header is that of the first picture"
        changing = {"libx264": "avc1", "libx265": "hev1"}[codec]
        fixed = {"libx264": "avc1", "libx265": "hvc1"}[codec]
        assert context.codec_tag == (fixed if event_at == 45 else changing)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_stale_sdp_is_harmless(tmp_path: Path, clock: Clock, codec: str) -> None:
    """The SDP is stale: its sets are those of the resolution before."""
    encoder = {"h264": "libx264", "hevc": "libx265"}[codec]
    with av.open(joined(make_clip(tmp_path / "old.mp4", seconds=1, codec=encoder, size=(640, 384))), "r") as old:
        stale = old.streams.video[0].codec_context.extradata
    made: Made = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), lambda clip, content: made.append((clip, content)))
    recording = recorder.recording(codec, stale)
    assert recording is not None
    with av.open(joined(make_clip(tmp_path / "new.mp4", seconds=2, codec=encoder)), "r") as container:
        for read in container.demux(video=0):
            recording.add(read)
            clock.now += 1 / RATE
    recorder.request("event-0001", clock.now - 1.0)
    recording.end()
    frames = decoded(made[0][1])
    assert {(frame.width, frame.height) for frame in frames} == {(320, 192)}
    assert not any(frame.is_corrupt for frame in frames)


def test_missing_parameter_sets_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[ClipOutcome] = []
    recorder = ClipRecorder(7, ClipLimits(1.0, 1.0), lambda clip, content: None, outcomes.append)
    recording = recorder.recording("hevc", None)
    assert recording is not None
    recorder.request("event-0001", 0.0)
    slice_only = av.Packet(b"\x00\x00\x00\x01\x26\x01\xaf")
    slice_only.is_keyframe = True
    recording.add(slice_only)  # type: ignore[arg-type]  # PyAV types packets by their stream
    recording.end()
    assert outcomes == [ClipOutcome.MISSING]
    assert "no clip for event event-0001: the camera has sent no parameter sets" in caplog.text


def test_parameter_sets_are_replaced_by_their_identifier(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "first.mp4", seconds=1, codec="libx265")
    second = make_clip(tmp_path / "second.mp4", seconds=1, codec="libx265", size=(640, 384))
    sets = ParameterSets("hevc")
    assert not sets.is_complete
    sets.update(joined(first).getvalue())
    assert sets.is_complete
    before = sets.joined()
    sets.update(joined(first).getvalue())
    assert sets.joined() is before, "the same sets again are no change"
    sets.update(joined(second).getvalue())
    assert sets.joined().count(b"\x00\x00\x01") == 3, "one set of each kind"
    assert sets.joined() != before


def test_damaged_parameter_sets_are_skipped() -> None:
    sets = ParameterSets("h264")
    sets.update(b"\x00\x00\x01\x67\x64\x00\x00\x00\x01\x68\x00\x00\x01")
    assert not sets.is_complete
    assert sets.joined() == b""


X264_OPEN = "open-gop=1:b-pyramid=normal:bframes=3:scenecut=0:b-adapt=0"
OPEN_GROUPS = {"bf": "3", "x264-params": X264_OPEN, "preset": "fast"}


@pytest.mark.parametrize(
    "more",
    ["", ":ref=4:cabac=0", ":ref=4:slices=3", ":ref=4:weightp=2:weightb=1", ":ref=5:cqm=jvt", ":ref=2:b-adapt=2"],
    ids=["usual", "no CABAC", "slices", "weights", "scaling lists", "two references"],
)
def test_clip_from_an_open_group_starts_decodable(tmp_path: Path, clock: Clock, more: str) -> None:
    """Chromium's decoder ends at the first error, such as an order to forget a frame from before the clip."""
    options = OPEN_GROUPS | {"x264-params": X264_OPEN + more, "crf": "10"}
    source = as_stream(make_clip(tmp_path / "in.mp4", seconds=8, keyframe_every=20, options=options))
    with av.open(source, "r") as container:
        read = [one for one in container.demux(video=0) if one.size]
    key = next(number for number, one in enumerate(read) if one.is_keyframe and number > 20)
    assert (read[key + 1].pts or 0) < (read[key].pts or 0), "this encoder makes leading pictures"
    source.seek(0)
    content = one_clip(source, clock, {45: "event-0001"}, ClipLimits(1.0, 2.0))
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        packets = [one for one in container.demux(stream) if one.size]
        assert min(one.pts for one in packets if one.pts is not None) == packets[0].pts == 0
        assert not any(one.is_disposable for one in packets)
    frames = strictly_decoded(content)
    assert len(frames) == len(packets)
    source.seek(0)
    whole = {frame.to_ndarray().tobytes() for frame in decoded(source.getvalue())}
    assert all(frame.to_ndarray().tobytes() in whole for frame in frames), "each as the whole stream shows it"


def strictly_decoded(content: bytes) -> list[av.VideoFrame]:
    """Decode as Chromium does: any error in the stream is final."""
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        stream.codec_context.thread_count = 1
        frames = list(container.decode(stream))
    assert not any(frame.is_corrupt for frame in frames)
    return frames


def test_clip_starting_with_an_idr_frame_is_unchanged() -> None:
    idr = Packet(b"\x00\x00\x00\x01\x65\x88\x80", 0.0, 0.0, True, 0.0, b"")
    assert without_lost_references([idr, idr]) == [idr, idr]


def test_unreadable_stream_is_unchanged() -> None:
    """Damaged parameter sets, a slice that ends too early, a slice that names no set."""
    for headers in (
        b"",
        b"\x00\x00\x01\x67\x64",
        b"\x00\x00\x01\x67\x42\x00\x1e\xda\x05\x07\xc4\x00\x00\x01\x68\xce\x3c\x80",
    ):
        damaged = Packet(b"\x00\x00\x01\x41\x9a", 0.0, 0.0, True, 0.0, headers)
        assert without_lost_references([damaged, damaged]) == [damaged, damaged]


def test_clip_declares_its_pixel_aspect_ratio(tmp_path: Path, clock: Clock) -> None:
    source = as_stream(make_clip(tmp_path / "in.mp4", seconds=4, options={"x264-params": "sar=2/1"}))
    content = one_clip(source, clock, {25: "event-0001"}, ClipLimits(1.0, 1.0))
    with av.open(io.BytesIO(content), "r") as container:
        assert container.streams.video[0].sample_aspect_ratio == 2


@pytest.mark.parametrize("declared", [{}, {"x264-params": "sar=2/1"}], ids=["undeclared", "declared wrong"])
def test_clip_has_the_configured_display_aspect_ratio(tmp_path: Path, clock: Clock, declared: dict[str, str]) -> None:
    made: Made = []
    recorder = ClipRecorder(1, ClipLimits(1.0, 1.0), lambda *clip: made.append(clip))
    source = as_stream(make_clip(tmp_path / "in.mp4", seconds=4, options=declared))
    play(source, recorder, clock, {25: "event-0001"}, display_aspect=Fraction(4, 3))
    ((_, content),) = made
    at = content.index(b"pasp") + 4
    horizontal, vertical = (int.from_bytes(content[begin : begin + 4], "big") for begin in (at, at + 4))
    assert Fraction(320 * horizontal, 192 * vertical) == Fraction(4, 3)


def test_clip_index_precedes_the_media(tmp_path: Path, clock: Clock) -> None:
    content = one_clip(
        as_stream(make_clip(tmp_path / "in.mp4", seconds=6)), clock, {25: "event-0001"}, ClipLimits(1.0, 1.05)
    )
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    assert b"moof" not in content
    with av.open(io.BytesIO(content[: content.find(b"mdat") + 4]), "r") as head:
        assert (head.duration or 0) / av.time_base == pytest.approx(2.5, abs=0.11)


@pytest.mark.parametrize("keyframe_every", [5, 20])
def test_clip_at_a_high_bit_rate_contains_the_event(
    tmp_path: Path, clock: Clock, keyframe_every: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The ring has room for about 4 s of the 10 s that a clip is to have."""
    path = make_clip(tmp_path / "in.mp4", seconds=16, keyframe_every=keyframe_every)
    seconds_fit = 4.5
    limits = ClipLimits(5.0, 5.0, round(path.stat().st_size / 16 * seconds_fit))
    made: dict[str, tuple[float, float]] = {}
    most = 0

    def keep(clip: ClipSubmission, content: bytes) -> None:
        nonlocal most
        most = max(most, len(content))
        began = clip.started_at.timestamp() - 1_800_000_000.0
        made[clip.event_id] = began, began + clip.duration_seconds

    outcomes: list[ClipOutcome] = []
    recorder = ClipRecorder(7, limits, keep, outcomes.append)
    events = {number: f"event-{number:04}" for number in range(60, 140, 7)}
    begin = clock.now
    play(path, recorder, clock, events)
    assert set(made) == set(events.values())
    for number, event_id in events.items():
        happened = begin + (number - 1) / RATE
        first, last = made[event_id]
        assert first <= happened <= last + 1e-3, event_id
    assert most <= limits.max_bytes
    assert set(outcomes) == {ClipOutcome.SHORTENED}
    assert "the packets take more than VIGIL_CLIP_MAX_BYTES" in caplog.text


def test_event_that_does_not_fit_is_counted_and_logged(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A group of 10 s at this bit rate takes more than the limit: its second half has no keyframe in memory."""
    path = make_clip(tmp_path / "in.mp4", seconds=20, keyframe_every=100)
    limits = ClipLimits(2.0, 2.0, path.stat().st_size // 4)
    outcomes: list[ClipOutcome] = []
    recorder = ClipRecorder(7, limits, lambda clip, content: None, outcomes.append)
    play(path, recorder, clock, {80: "event-0001"})
    assert outcomes == [ClipOutcome.MISSING]
    assert "no clip for event event-0001: the packets take more than VIGIL_CLIP_MAX_BYTES" in caplog.text
