"""A camera with privacy masks, by RTSP: nothing behind its source ever has what the masks hide."""

import io
import time
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest
from tests.integration.detector.streams.conftest import LOOPBACK
from tests.integration.services.made_clips import make_clip
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.clips.recorder import ClipLimits, ClipRecorder
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool
from cctv.streams import rtsp
from cctv.streams.faults import StreamFault
from cctv.streams.masked_video import NO_ENCODER, MaskedVideo
from cctv.streams.rtsp import RtspSource
from cctv.streams.sparing import FrameDemand
from vigil_contracts.names import StreamTransport
from vigil_contracts.recording import GapReason, RecordingMode, RecordingSettings

MASK = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
"""The left half; an object moves through the whole frame."""


@dataclass
class Camera:
    """A source with recorders, and what they have received."""

    url: str
    directory: Path
    frames: list[av.VideoFrame] = field(default_factory=list)
    clips: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clip_recorder = ClipRecorder(7, ClipLimits(30.0, 30.0), lambda _, content: self.clips.append(content))
        settings = RecordingSettings(mode=RecordingMode.CONTINUOUS)
        self.spool = RecordingSpool(self.directory, lambda: 10**9)
        self.segments = SegmentRecorder(7, settings, self.spool)
        self.source = RtspSource(
            self.url,
            StreamTransport.TCP,
            LOOPBACK,
            open_timeout_seconds=5,
            read_timeout_seconds=2,
            recorder=self.clip_recorder,
            segments=self.segments,
            demand=FrameDemand(lambda: False),  # analysis alone would decode keyframes only
            privacy_masks=[MASK],
        )

    def read(self, *, decodes: bool = True, until_frames: int | None = None) -> None:
        """Read the stream, as the analysis does (`decodes`) or as the reader of the main stream does."""
        try:
            self.source.open()
            for number, item in enumerate(self.source.frames() if decodes else self.source.packets(), 1):
                if isinstance(item, av.VideoFrame):
                    self.frames.append(item)
                if number == 10:
                    self.clip_recorder.request("event-0001", time.monotonic())
                if number == until_frames:
                    break
        except StreamFault:
            pass
        finally:
            self.source.close()

    def recorded(self) -> list[Path]:
        """Return the recorded files."""
        return [one.path for one in self.spool.waiting(7)]


def assert_masked(frames: list[av.VideoFrame]) -> None:
    shown = [frame.to_ndarray(format="gray") for frame in frames]
    assert shown, "frames to look at"
    assert max(one[:, :160].max() for one in shown) < 30
    assert max(one[:, 168:].max() for one in shown) > 200, "what is not masked is there"


def decoded(content: bytes | Path) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(content) if isinstance(content, bytes) else str(content), "r") as file:
        return list(file.decode(video=0))


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "libx264"), ("h265", "libx265")])
@pytest.mark.parametrize("decodes", [True, False], ids=["analysed", "main stream"])
def test_frames_clips_and_recordings_are_masked(tmp_path: Path, codec: str, encoder: str, decodes: bool) -> None:
    clip = make_clip(tmp_path / "in.mp4", seconds=5, codec=encoder, options={"threads": "1"})
    with gst_rtsp_server(clip, codec=codec) as server:
        camera = Camera(server.url, tmp_path / "spool")
        camera.read(decodes=decodes)
    if decodes:
        assert_masked(camera.frames)
        assert len(camera.frames) >= 40, "all frames are decoded, since all are stored"
    (content,) = camera.clips
    assert len(decoded(content)) >= 40
    assert_masked(decoded(content))
    stored = [frame for path in camera.recorded() for frame in decoded(path)]
    assert len(stored) >= 40
    assert_masked(stored)


def test_without_an_encoder_nothing_is_stored_and_the_camera_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rtsp, "encoder_name", lambda: None)
    clip = make_clip(tmp_path / "in.mp4", seconds=3, options={"threads": "1"})
    with gst_rtsp_server(clip) as server:
        camera = Camera(server.url, tmp_path / "spool")
        camera.source._sparing = None
        camera.read()
    assert_masked(camera.frames)
    assert (camera.clips, camera.recorded()) == ([], [])
    assert camera.segments._gap_reason == GapReason.MASKING_UNAVAILABLE
    assert camera.segments.problem == camera.clip_recorder.problem == NO_ENCODER
    assert "not recorded, since the camera has privacy masks: this detector's libav has no H.264" in caplog.text
    assert "no clips, since the camera has privacy masks: this detector's libav has no H.264" in caplog.text


def test_a_failing_encoder_does_not_disturb_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> list[object]:
        raise ValueError("broken")

    monkeypatch.setattr(MaskedVideo, "encode", fail)
    clip = make_clip(tmp_path / "in.mp4", seconds=3, options={"threads": "1"})
    with gst_rtsp_server(clip) as server:
        camera = Camera(server.url, tmp_path / "spool")
        camera.source._sparing = None
        camera.read()
    assert len(camera.frames) >= 25, "every frame of three seconds"
    assert_masked(camera.frames)
    assert (camera.clips, camera.recorded()) == ([], [])
    assert "masked video could not be encoded (ValueError)" in caplog.text
    assert camera.segments.problem == camera.clip_recorder.problem == "masked video could not be encoded (ValueError)"
    assert camera.segments.feed("h264", None, None) is not None
    assert camera.clip_recorder.recording("h264", None) is not None
    assert camera.segments.problem == camera.clip_recorder.problem == "", "the next connection may be better"


def test_what_was_received_before_other_masks_becomes_no_clip(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", seconds=4, options={"threads": "1"})
    with gst_rtsp_server(clip) as server:
        camera = Camera(server.url, tmp_path / "spool")
        camera.source.open()
        frames = camera.source.frames()
        for _ in range(10):
            next(frames)
        camera.clip_recorder.forget()
        camera.clip_recorder.request("event-0001", time.monotonic())
        camera.source.interrupt()
        stored = len(camera.recorded())
        with pytest.raises(StreamFault):
            list(frames)
        camera.source.close()
    assert camera.clips == []
    assert len(camera.recorded()) <= stored + 1, "the segment that was open, and no other"
