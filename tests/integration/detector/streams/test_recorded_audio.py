"""Recordings of real RTSP cameras with audio: every segment and the exported file have it, in step with the video."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.detector.streams.conftest import LOOPBACK, SPEED
from tests.integration.services.camera_audio import Audio
from tests.integration.services.made_clips import SIGNALS, make_clip_with_sound, signals_of
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera
from tests.integration.services.rtsp import gst_rtsp_server
from tests.unit.detector.recording.test_sound import BEEP_HERTZ, joined, pitch_of, spans

from cctv.common.polygons import Outline
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool, Waiting
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp import RtspSource
from vigil_contracts.names import StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_demo.clip import Clip

KINDS = {
    "pcmu": ("pcm_mulaw", "clip.mov", 8000),
    "pcma": ("pcm_alaw", "clip.mov", 8000),
    "aac": ("aac", "clip.mp4", 16_000),
    "opus": ("libopus", "clip.mp4", 48_000),
}
CORNER: Outline = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))


def record(url: str, folder: Path, *, records_audio: bool = True, masks: Sequence[Outline] = ()) -> list[Waiting]:
    """Record the whole stream; return its segments."""
    spool = RecordingSpool(folder, lambda: 10**9)
    segments = SegmentRecorder(7, RecordingSettings.model_validate({"mode": "continuous"}), spool)
    source = RtspSource(
        url,
        StreamTransport.TCP,
        LOOPBACK,
        open_timeout_seconds=5,
        read_timeout_seconds=2,
        records_audio=records_audio,
        segments=segments,
        privacy_masks=masks,
    )
    try:
        source.open()
        for _ in source.frames():
            pass
    except StreamFault:
        pass  # the stream has ended
    finally:
        source.close()
    return spool.waiting(7)


@pytest.fixture(scope="module")
def recorded_by_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Waiting]]:
    """Return the segments of each kind of audio, and of a masked camera; all at the same time."""

    def recorded(name: str) -> list[Waiting]:
        audio = name.removesuffix(" masked")
        encoder, file, rate = KINDS[audio]
        folder = tmp_path_factory.mktemp(audio)
        path = make_clip_with_sound(folder / file, encoder, sample_rate=rate)
        with gst_rtsp_server(path, audio=audio) as server:
            return record(server.url, folder / "spool", masks=[CORNER] if audio != name else [])

    names = [*KINDS, "pcmu masked"]
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(recorded, names), strict=True))


@pytest.mark.parametrize("name", [*KINDS, "pcmu masked"])
def test_recorded_audio_is_in_step_with_the_video(recorded_by_kind: dict[str, list[Waiting]], name: str) -> None:
    segments = recorded_by_kind[name]
    assert len(segments) >= 2
    for one in segments:
        assert one.facts.codecs.endswith(",mp4a.40.2")
        both = spans(one.path.read_bytes())
        assert both["audio"] == pytest.approx(both["video"], abs=0.1)
    whole = joined(segments)
    both = spans(whole)
    assert both["video"][1] > 7.0
    assert both["audio"] == pytest.approx(both["video"], abs=0.1)
    flashes, beeps = signals_of(whole)
    assert len(flashes) == len(SIGNALS)
    assert beeps == pytest.approx(flashes, abs=0.1)
    assert pitch_of(whole) == pytest.approx(BEEP_HERTZ, abs=15)


def test_audio_is_recorded_only_if_configured(clip: Clip, tmp_path: Path) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED, audio=Audio())) as camera:
        segments = record(camera.url, tmp_path / "spool", records_audio=False)
        assert camera.requests.count("SETUP") == 1
    assert segments
    assert all("mp4a" not in one.facts.codecs for one in segments)


@pytest.mark.parametrize(
    ("audio", "why"),
    [
        (None, "the camera offers no audio"),
        (Audio(setup_status=461), "the camera does not deliver its audio"),
    ],
    ids=["missing", "refused"],
)
def test_without_usable_audio_the_video_is_recorded_and_the_log_says_why(
    clip: Clip, tmp_path: Path, audio: Audio | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED, audio=audio)) as camera:
        segments = record(camera.url, tmp_path / "spool")
    assert sum(one.facts.frames for one in segments) >= 38
    assert all("mp4a" not in one.facts.codecs for one in segments)
    reports = [one.getMessage() for one in caplog.records if "have no audio" in one.getMessage()]
    assert len(reports) == 1
    assert reports[0].startswith("recordings have no audio: ")
    assert why in reports[0]
