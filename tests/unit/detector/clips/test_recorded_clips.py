"""Clips that are left to the recording of the same packets, and made if it fails."""

from pathlib import Path

import av
import pytest
from tests.integration.services.made_clips import as_stream, make_clip
from tests.unit.detector.clips.test_clips import RATE, Clock, Made, clock
from tests.unit.detector.recording.recorded import packets_of

from cctv.clips.packet_buffer import Packet, begins_anew
from cctv.clips.recorder import ClipLimits, ClipOutcome, ClipRecorder
from vigil_contracts.alert import ClipSubmission

__all__ = ["clock"]
LIMITS = ClipLimits(1.0, 1.05)


class Recorded:
    """A recording that stores clips when the test says so."""

    def __init__(self, *, is_on: bool = True, written_at: float = 5.0, stored_at: float = float("inf")) -> None:
        self.is_on, self.written_at, self.stored_at = is_on, written_at, stored_at
        self.asked: dict[str, tuple[float, float]] = {}
        self.forgotten: list[str] = []
        self.now = 0.0

    def ask_for_clip(self, event_id: str, first: float, last: float) -> bool:
        if self.is_on:
            self.asked[event_id] = first, last
        return self.is_on

    def has_clip(self, event_id: str) -> bool:
        return event_id in self.asked and self.now >= self.stored_at

    def is_written_until(self, at: float) -> bool:
        return self.now >= self.written_at

    def forget_clip(self, event_id: str) -> None:
        self.forgotten.append(event_id)


def play(source: Path, recorder: ClipRecorder, clock: Clock, recorded: Recorded) -> None:
    """Read the clip as a stream of `RATE` packets a second, with an event at 2.4 s, as `test_clips.play`."""
    began = clock.now
    with av.open(as_stream(source), "r") as container:
        recording = recorder.recording(container.streams.video[0].codec_context.name, None, recorded=recorded)
        assert recording is not None
        for number, read in enumerate(container.demux(video=0), start=1):
            recorded.now = clock.now - began
            recording.add(read)
            if number == 25:
                recorder.request("event-0001", clock.now)
            clock.now += 1 / RATE


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", seconds=15)


class Outcomes:
    """A recorder of clips, what it has made, and when each is done."""

    def __init__(self) -> None:
        self.made: Made = []
        self.outcomes: list[ClipOutcome] = []
        self.recorder = ClipRecorder(
            7, LIMITS, lambda clip, content: self.made.append((clip, content)), self.outcomes.append
        )


def test_a_recorded_clip_is_not_made(source: Path, clock: Clock) -> None:
    done, recorded, began = Outcomes(), Recorded(stored_at=6.0), clock.now
    play(source, done.recorder, clock, recorded)
    assert (done.made, done.outcomes) == ([], [ClipOutcome.RECORDED])
    (first, last) = recorded.asked["event-0001"]
    assert first - began == pytest.approx(1.0), "from the keyframe before it, as a clip of its own"
    assert last - began == pytest.approx(2.4 + 1.05)
    assert recorded.forgotten == []


@pytest.mark.parametrize(
    ("recorded", "delay"),
    [
        (Recorded(is_on=False), 0.0),
        (Recorded(written_at=4.0), 5.5),
    ],
    ids=["it is off", "it does not store"],
)
def test_what_is_not_recorded_is_made(source: Path, clock: Clock, recorded: Recorded, delay: float) -> None:
    done, began = Outcomes(), clock.now
    finished: list[float] = []
    make = done.recorder.on_clip

    def on_clip(clip: ClipSubmission, content: bytes) -> None:
        finished.append(clock.now - began)
        make(clip, content)

    done.recorder.on_clip = on_clip
    play(source, done.recorder, clock, recorded)
    ((clip, content),) = done.made
    assert done.outcomes == [ClipOutcome.COMPLETE], "the packets were kept"
    assert (clip.event_id, len(content) > 0) == ("event-0001", True)
    assert clip.duration_seconds == pytest.approx(2.5, abs=0.11)
    assert finished[0] == pytest.approx(2.4 + 1.05 + delay, abs=0.2)
    assert recorded.forgotten == (["event-0001"] if delay else [])


def test_a_recording_that_ends_no_segment_is_not_waited_for_long(source: Path, clock: Clock) -> None:
    done, recorded = Outcomes(), Recorded(written_at=float("inf"))
    clip = make_clip(source.with_name("long.mp4"), seconds=36)
    play(clip, done.recorder, clock, recorded)
    assert done.outcomes == [ClipOutcome.COMPLETE]


def test_new_privacy_masks_forget_what_is_asked_for(source: Path, clock: Clock) -> None:
    done, recorded = Outcomes(), Recorded()
    play(make_clip(source.with_name("short.mp4"), seconds=5), done.recorder, clock, recorded)
    assert recorded.asked
    done.recorder.forget()
    assert (done.made, done.outcomes, recorded.forgotten) == ([], [ClipOutcome.MISSING], ["event-0001"])


def test_a_clip_from_an_open_group_is_made(tmp_path: Path, clock: Clock) -> None:
    """Its frames need such changes as `cctv.clips.open_gop` makes, and recordings are not changed."""
    options = {"bf": "3", "preset": "fast", "x264-params": "open-gop=1:bframes=3:scenecut=0:b-adapt=0"}
    done, recorded = Outcomes(), Recorded(stored_at=4.0)
    play(make_clip(tmp_path / "in.mp4", seconds=8, options=options), done.recorder, clock, recorded)
    assert (recorded.asked, done.outcomes) == ({}, [ClipOutcome.COMPLETE])


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc")])
def test_closed_groups_begin_anew(tmp_path: Path, codec: str, name: str) -> None:
    options = {"x265-params": "open-gop=0"} if codec == "libx265" else {}
    packets = list(packets_of(make_clip(tmp_path / "in.mp4", seconds=3, codec=codec, options=options), name))
    assert [begins_anew(one, name) for one in packets] == [one.is_keyframe for one in packets]
    assert not begins_anew(Packet(b"", 0, 0, True, 0), name)


def test_open_groups_of_h265_do_not_begin_anew(tmp_path: Path) -> None:
    options = {"x265-params": "open-gop=1:bframes=3:keyint=10:min-keyint=10"}
    made = make_clip(tmp_path / "in.mp4", seconds=4, codec="libx265", options=options)
    keyframes = [begins_anew(one, "hevc") for one in packets_of(made, "hevc") if one.is_keyframe]
    assert keyframes[0]
    assert not any(keyframes[1:])
