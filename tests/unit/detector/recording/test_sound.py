"""Audio of recordings: in every segment, without gaps, in step with the video; and in what is joined from them."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.services.made_clips import SIGNALS, make_clip_with_sound, signals_of
from tests.unit.detector.recording.recorded import BEGIN, Clocks, audio_of, packets_of, recorder_on, spool_of

from cctv.clips.audio import AudioFormat, AudioPacket
from cctv.clips.packet_buffer import Packet
from cctv.recording.fragments import read
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool, Waiting
from vigil_apps.recordings.core.mp4_join import Mp4Join, clip_of

ROOT = Path(__file__).parents[4]
ENCODERS = {
    "aac": ("aac", "clip.mp4", 16_000),
    "pcmu": ("pcm_mulaw", "clip.mov", 8000),
    "pcma": ("pcm_alaw", "clip.mov", 8000),
    "opus": ("libopus", "clip.mp4", 48_000),
}
BEEP_HERTZ = 700

Change = Callable[[AudioPacket], AudioPacket | None]


def play(
    clip: Path,
    recorder: SegmentRecorder,
    clocks: Clocks,
    change: Change = lambda packet: packet,
    *,
    late_seconds: float = 0.2,
) -> None:
    """Play video and audio as one connection. `change`: what arrives of an audio packet; None: nothing."""
    audio_format, sounds = audio_of(clip)
    feed = recorder.feed("h264", None, None, audio_format)
    assert feed is not None
    began = clocks.passed
    changed = [one for packet in sounds if (one := change(packet)) is not None]
    arriving: list[tuple[float, Packet | AudioPacket]] = [(one.received_at, one) for one in packets_of(clip)]
    arriving += [(one.received_at + late_seconds, one) for one in changed]
    for at, packet in sorted(arriving, key=lambda one: one[0]):
        clocks.passed = began + at
        received = replace(packet, received_at=clocks.monotonic())
        if isinstance(received, Packet):
            feed.take(received)
        else:
            feed.take_audio(received)
    feed.end()


def joined(segments: list[Waiting]) -> bytes:
    output = io.BytesIO()
    join = Mp4Join(output)
    for one in segments:
        join.add(one.path.read_bytes())
    join.finish()
    return output.getvalue()


def spans(content: bytes) -> dict[str, tuple[float, float]]:
    """Return begin and end of what a player decodes of each kind, in seconds."""
    found: dict[str, tuple[float, float]] = {}
    with av.open(io.BytesIO(content), "r") as container:
        video = [frame.time or 0.0 for frame in container.decode(video=0)]
        found["video"] = video[0], video[-1] + (video[-1] - video[0]) / (len(video) - 1)
    with av.open(io.BytesIO(content), "r") as container:
        audio = [(frame.time or 0.0, frame.samples / frame.sample_rate) for frame in container.decode(audio=0)]
        found["audio"] = audio[0][0], audio[-1][0] + audio[-1][1]
    return found


def audio_packets(content: bytes) -> Iterator[tuple[float, float]]:
    """Yield begin and end of each packet of audio."""
    with av.open(io.BytesIO(content), "r") as container:
        for one in container.demux(audio=0):
            if one.size and one.pts is not None:
                yield float(one.pts * one.time_base), float((one.pts + (one.duration or 0)) * one.time_base)


def pitch_of(content: bytes) -> float:
    """Return the strongest frequency of the whole audio, in hertz."""
    with av.open(io.BytesIO(content), "r") as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    spectrum = np.abs(np.fft.rfft(samples))
    return float(spectrum.argmax() * frames[0].sample_rate / len(samples))


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_segment_and_their_join_have_the_audio_in_step(tmp_path: Path, kind: str) -> None:
    encoder, name, rate = ENCODERS[kind]
    clip, clocks = make_clip_with_sound(tmp_path / name, encoder, sample_rate=rate), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    kept = spool_of(recorder).waiting(7)
    assert len(kept) == 2
    assert {one.facts.init_id for one in kept} == {kept[0].facts.init_id}
    for one in kept:
        assert one.facts.codecs.endswith(",mp4a.40.2")
        both = spans(one.path.read_bytes())
        assert both["audio"] == pytest.approx(both["video"], abs=0.1)
    assert sum(one.facts.frames for one in kept) == 80
    whole = joined(kept)
    both = spans(whole)
    assert both["video"] == pytest.approx((0.0, 8.0), abs=0.1)
    assert both["audio"] == pytest.approx(both["video"], abs=0.1)
    flashes, beeps = signals_of(whole)
    assert flashes == pytest.approx(SIGNALS, abs=0.1)
    assert beeps == pytest.approx(flashes, abs=0.1)
    assert pitch_of(whole) == pytest.approx(BEEP_HERTZ, abs=10)
    ends = list(audio_packets(whole))
    assert all(abs(later[0] - former[1]) < 0.05 for former, later in pairwise(ends)), "a gap would stall a browser"


def test_a_part_of_the_recording_has_its_audio_in_step(tmp_path: Path) -> None:
    """The clip of an alert; it begins with a keyframe, here on the second."""
    clip, clocks = make_clip_with_sound(tmp_path / "in.mov", "pcm_mulaw"), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    contents = [one.path.read_bytes() for one in spool_of(recorder).waiting(7)]
    begin_ms = round(BEGIN * 1000)
    part = clip_of(contents, begin_ms=begin_ms + 2400, end_ms=begin_ms + 6500)
    both = spans(part)
    assert both["video"] == pytest.approx((0.0, 4.5), abs=0.15)
    assert both["audio"] == pytest.approx(both["video"], abs=0.15)
    flashes, beeps = signals_of(part)
    assert flashes == pytest.approx([1.5, 3.0], abs=0.11)
    assert beeps == pytest.approx(flashes, abs=0.1)


def test_aac_is_copied(tmp_path: Path) -> None:
    clip, clocks = make_clip_with_sound(tmp_path / "in.mp4", "aac", sample_rate=16_000), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    sent = {one.data for one in audio_of(clip)[1]}
    with av.open(str(spool_of(recorder).waiting(7)[0].path)) as container:
        stored = [bytes(one) for one in container.demux(audio=0) if one.size]
    assert sum(one in sent for one in stored) >= len(stored) - 2


@pytest.mark.parametrize("kind", ["aac", "pcmu"])
@pytest.mark.parametrize(
    "change",
    [
        lambda packet: None if 2.0 < (packet.pts or 0) < 4.6 else packet,
        lambda packet: replace(packet, data=b"\xff\x00") if 2.0 < (packet.pts or 0) < 3.0 else packet,
        lambda packet: packet if (packet.pts or 0) > 3.2 else None,
        lambda packet: packet if (packet.pts or 0) < 3.2 else None,
        lambda packet: replace(packet, pts=(packet.pts or 0) + 1e6),
        lambda packet: replace(packet, pts=None),
    ],
    ids=["lost", "damaged", "late", "ends", "other clock", "no timestamps"],
)
def test_missing_audio_is_silence_and_the_rest_stays_in_step(tmp_path: Path, kind: str, change: Change) -> None:
    encoder, name, rate = ENCODERS[kind]
    clip, clocks = make_clip_with_sound(tmp_path / name, encoder, sample_rate=rate), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks, change, late_seconds=0.05)
    whole = joined(spool_of(recorder).waiting(7))
    ends = list(audio_packets(whole))
    longest = 1024 / rate
    assert all(-0.01 < later[0] - former[1] <= longest for former, later in pairwise(ends))
    assert spans(whole)["audio"] == pytest.approx(spans(whole)["video"], abs=longest + 0.1)
    flashes, beeps = signals_of(whole)
    assert len(flashes) == len(SIGNALS)
    assert beeps, "something is heard"
    assert all(min(abs(beep - flash) for flash in flashes) < 0.2 for beep in beeps)


def test_audio_that_is_never_usable_is_silence_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip, clocks = make_clip_with_sound(tmp_path / "in.mp4", "aac", sample_rate=16_000), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    for _ in range(2):
        play(clip, recorder, clocks, lambda packet: replace(packet, data=b"\xff\x00"))
    whole = spool_of(recorder).waiting(7)[0].path.read_bytes()
    assert spans(whole)["audio"] == pytest.approx(spans(whole)["video"], abs=0.1)
    assert signals_of(whole)[1] == []
    reports = [one.getMessage() for one in caplog.records if "have no audio" in one.getMessage()]
    assert reports == ["recordings have no audio: most of its audio packets cannot be decoded"]
    assert recorder.audio.problem == "most of its audio packets cannot be decoded"
    play(clip, recorder, clocks, lambda packet: packet)
    assert recorder.audio.problem == "", "another connection has audio"


def test_audio_that_cannot_become_aac_is_left_out_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    clip = make_clip_with_sound(tmp_path / "in.mp4", "aac", sample_rate=16_000)
    for _ in range(2):
        feed = recorder.feed("h264", None, None, AudioFormat("pcm_s16be", 4000, 1))
        assert feed is not None
        for packet in packets_of(clip):
            feed.take(replace(packet, received_at=clocks.monotonic() + packet.received_at))
        feed.end()
        clocks.passed += 10
    (first, *_) = spool_of(recorder).waiting(7)
    assert "mp4a" not in first.facts.codecs
    assert [one.getMessage() for one in caplog.records if "have no audio" in one.getMessage()] == [
        "recordings have no audio: audio of 4000 Hz and 1 channels cannot become AAC; set the camera's audio codec to"
        " AAC"
    ]


def test_a_gap_keeps_its_length_in_both_tracks(tmp_path: Path) -> None:
    clip, clocks = make_clip_with_sound(tmp_path / "in.mov", "pcm_mulaw"), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    clocks.passed = 20.0
    play(clip, recorder, clocks)
    whole = joined(spool_of(recorder).waiting(7))
    flashes, beeps = signals_of(whole)
    assert flashes == pytest.approx([*SIGNALS, *(20 + at for at in SIGNALS)], abs=0.15)
    assert beeps == pytest.approx(flashes, abs=0.1)


WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from tests.unit.detector.recording.recorded import audio_of, packets_of
from cctv.clips.packet_buffer import Packet
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool
from vigil_contracts.recording import RecordingSettings
spool = RecordingSpool(Path(sys.argv[2]), lambda: 10**9)
audio_format, sounds = audio_of(Path(sys.argv[1]))
feed = SegmentRecorder(7, RecordingSettings(mode="continuous"), spool).feed("h264", None, None, audio_format)
began = time.monotonic()
for one in sorted([*packets_of(Path(sys.argv[1])), *sounds], key=lambda one: one.received_at):
    time.sleep(max(0.0, began + one.received_at - time.monotonic()))
    taken = replace(one, received_at=time.monotonic())
    feed.take(taken) if isinstance(one, Packet) else feed.take_audio(taken)
    print(time.time(), flush=True)
"""


def test_a_killed_recorder_loses_less_than_two_seconds_of_both(tmp_path: Path) -> None:
    clip = make_clip_with_sound(tmp_path / "in.mov", "pcm_mulaw")
    paths = ":".join([str(ROOT), *(str(ROOT / name) for name in ("contracts", "detector_image", "backend"))])
    command = [sys.executable, "-c", WRITER, str(clip), str(tmp_path / "spool")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        assert process.stdout is not None
        written = [float(process.stdout.readline()) for _ in range(115)]
        process.send_signal(signal.SIGKILL)
        written += [float(line) for line in process.stdout.read().splitlines()]
    kept = RecordingSpool(tmp_path / "spool", lambda: 10**9).waiting(7)
    assert written[-1] - kept[-1].segment.end_ms / 1000 < 2.0
    for one in kept:
        content = one.path.read_bytes()
        assert read(io.BytesIO(content)) == one.facts
        both = spans(content)
        assert both["audio"] == pytest.approx(both["video"], abs=0.7), "at most one fragment more of one of them"


def test_segments_begin_at_the_time_of_the_day(tmp_path: Path) -> None:
    clip, clocks = make_clip_with_sound(tmp_path / "in.mov", "pcm_mulaw"), Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(clip, recorder, clocks)
    begins = [spans(one.path.read_bytes())["audio"][0] - BEGIN for one in spool_of(recorder).waiting(7)]
    assert begins == pytest.approx([0.0, 4.0], abs=0.1)
