"""Cameras with audio: clips contain it if configured, and it never affects the video."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import av
import numpy as np
import pytest
from tests.integration.detector.streams.conftest import LOOPBACK, SPEED
from tests.integration.services.camera_audio import TRACK, Audio
from tests.integration.services.made_clips import SIGNALS, make_clip_with_sound, signals_of
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.clips.recorder import ClipLimits, ClipRecorder
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp import RtspSource
from vigil_contracts.names import Reason, StreamTransport
from vigil_demo.clip import Clip

KINDS = {
    "pcmu": ("pcm_mulaw", "clip.mov", 8000),
    "pcma": ("pcm_alaw", "clip.mov", 8000),
    "aac": ("aac", "clip.mp4", 16_000),
    "opus": ("libopus", "clip.mp4", 48_000),
}


@dataclass
class Watched:
    """The results of a stream: number of frames, a clip of everything, and the final fault."""

    frames: int
    clip: bytes
    ended: StreamFault
    seconds: float


def watch(url: str, *, records_audio: bool = True, recorder: ClipRecorder | None = None) -> Watched:
    """Read the whole stream."""
    clips: list[bytes] = []
    recorder = recorder or ClipRecorder(1, ClipLimits(30.0, 30.0), lambda _, content: None)
    recorder.on_clip = lambda _, content: clips.append(content)
    source = RtspSource(
        url,
        StreamTransport.TCP,
        LOOPBACK,
        open_timeout_seconds=5,
        read_timeout_seconds=2,
        recorder=recorder,
        records_audio=records_audio,
    )
    frames, began = 0, time.monotonic()
    try:
        source.open()
        for _ in source.frames():
            frames += 1
            if frames == 10:
                recorder.request("event-0001", time.monotonic())
    except StreamFault as fault:
        ended = fault
    finally:
        source.close()
    (content,) = clips
    return Watched(frames, content, ended, time.monotonic() - began)


def codecs(content: bytes) -> list[str]:
    with av.open(io.BytesIO(content), "r") as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


def durations(content: bytes) -> dict[str, float]:
    """Return the seconds from the beginning of a clip to the end of each of its streams, by kind."""
    with av.open(io.BytesIO(content), "r") as container:
        return {
            stream.type: float((stream.start_time or 0) + (stream.duration or 0)) * float(stream.time_base or 0)
            for stream in container.streams
        }


@pytest.fixture(scope="module")
def watched_by_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Watched]:
    """Return the results of a stream with each kind of audio, all read at the same time: each takes its real time."""

    def watched(audio: str) -> Watched:
        encoder, name, rate = KINDS[audio]
        path = make_clip_with_sound(tmp_path_factory.mktemp(audio) / name, encoder, sample_rate=rate)
        with gst_rtsp_server(path, audio=audio) as server:
            return watch(server.url)

    with ThreadPoolExecutor(len(KINDS)) as pool:
        return dict(zip(KINDS, pool.map(watched, KINDS), strict=True))


@pytest.mark.parametrize(("audio", "kept"), [("pcmu", "aac"), ("pcma", "aac"), ("aac", "aac"), ("opus", "opus")])
def test_clip_audio_is_synchronous(watched_by_kind: dict[str, Watched], audio: str, kept: str) -> None:
    watched = watched_by_kind[audio]
    content = watched.clip
    assert watched.ended.reason is Reason.STREAM_ENDED
    assert watched.frames >= 75
    assert codecs(content) == ["h264", kept]
    seconds = durations(content)
    assert seconds["audio"] == pytest.approx(seconds["video"], abs=0.1)
    flashes, beeps = signals_of(content)
    assert len(flashes) == len(SIGNALS)
    assert beeps == pytest.approx(flashes, abs=0.1)


def test_audio_is_requested_only_if_configured(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED, audio=Audio())) as camera:
        watched = watch(camera.url, records_audio=False)
        assert camera.requests.count("SETUP") == 1
        assert not camera.last["SETUP"].uri.endswith(TRACK)
    assert codecs(watched.clip) == ["h264"]


@pytest.mark.parametrize(
    ("audio", "why"),
    [
        (None, "the camera offers no audio"),
        (Audio(setup_status=461), "the camera does not deliver its audio"),
        (Audio(is_garbage=True), "audio packets cannot be decoded"),
        (Audio(begins_after_seconds=100.0), ""),
    ],
    ids=["missing", "refused", "broken", "silent"],
)
def test_bad_audio_does_not_affect_the_video(
    clip: Clip, audio: Audio | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED, audio=audio)) as camera:
        watched = watch(camera.url)
    assert watched.frames >= 38
    assert watched.ended.reason is Reason.STREAM_ENDED
    assert codecs(watched.clip) == ["h264"]
    reports = [record.getMessage() for record in caplog.records if "clips have no audio" in record.getMessage()]
    assert len(reports) == bool(why)
    assert all(why in report for report in reports)


def test_rejected_audio_is_not_requested_again(clip: Clip) -> None:
    recorder = ClipRecorder(1, ClipLimits(30.0, 30.0), lambda _, content: None)
    with misbehaving_camera(
        Script(clip=clip, once=True, speed=SPEED, one_session=True, audio=Audio(setup_status=500))
    ) as camera:
        watch(camera.url, recorder=recorder)
        assert (camera.connections, camera.requests.count("SETUP")) == (2, 3)
        watch(camera.url, recorder=recorder)
        assert (camera.connections, camera.requests.count("SETUP")) == (3, 4)


@pytest.mark.parametrize(
    "audio", [Audio(begins_after_seconds=2.0), Audio(ends_after_seconds=2.0)], ids=["late", "ends"]
)
def test_intermittent_audio_is_kept(clip: Clip, audio: Audio) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, audio=audio)) as camera:
        watched = watch(camera.url)
    assert watched.frames >= 38
    assert codecs(watched.clip) == ["h264", "aac"]
    seconds = durations(watched.clip)
    assert seconds["audio"] == pytest.approx(seconds["video"], abs=0.1), "silence fills the rest"
    with av.open(io.BytesIO(watched.clip), "r") as container:
        loud = [frame.time or 0.0 for frame in container.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.1]
    skipped = 4.0 - seconds["video"]
    assert [min(loud), max(loud)] == pytest.approx(
        [max(0.0, audio.begins_after_seconds - skipped), min(audio.ends_after_seconds, 4.0) - skipped], abs=0.25
    )


def test_audio_without_video_counts_as_stopped(clip: Clip) -> None:
    audio = Audio(goes_on=True)
    with misbehaving_camera(Script(clip=clip, stops_after_seconds=2.0, audio=audio)) as camera:
        watched = watch(camera.url)
    assert watched.ended.reason is Reason.STREAM_TIMEOUT
    assert "stopped sending" in str(watched.ended)
    assert watched.seconds < 8.0
    assert codecs(watched.clip) == ["h264", "aac"]
