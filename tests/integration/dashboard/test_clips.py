"""An alert's clip plays in a real browser."""

import json
import subprocess
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import Visit, Watcher
from tests.integration.services.made_clips import make_clip, make_clip_with_sound, recorded, recorded_with_sound
from tests.integration.services.made_recordings import make_recording

from vigil_contracts.recording import RecordedClip, RecordingBatch

pytestmark = pytest.mark.timeout(300)


def test_clip_plays_in_place_and_can_be_seeked(visit: Visit, watcher: Watcher, tmp_path: Path) -> None:
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
    alert_id = watcher.send_alert(camera_id)
    watcher.send_clip(camera_id, alert_id, recorded(make_clip(tmp_path / "clip.mp4", seconds=4)))
    page = visit.page
    visit.open(f"/dashboard/alerts/{alert_id}/")
    video = page.locator("video")
    expect(video).to_be_visible()
    expect(video).to_have_js_property("videoWidth", 320)
    assert video.evaluate("video => video.duration") == pytest.approx(4.0, abs=0.3)
    # Resolves once playback has advanced; the page's CSP forbids polling with a string.
    moved = video.evaluate(
        """video => new Promise(resolve => {
            video.addEventListener("timeupdate", () => video.currentTime > 0.3 && resolve(video.currentTime));
            video.play();
        })"""
    )
    assert moved > 0.3
    wound = video.evaluate(
        """video => new Promise(resolve => {
            video.pause();
            video.addEventListener("seeked", () => resolve(video.currentTime));
            video.currentTime = 3;
        })"""
    )
    assert wound == pytest.approx(3.0, abs=0.1)
    assert video.evaluate("video => video.error") is None


def test_a_clip_of_the_recording_plays(visit: Visit, watcher: Watcher, tmp_path: Path) -> None:
    """No file of its own was sent: its seconds are a part of the camera's recording."""
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
    begin = time.time() - 60
    alert_id = watcher.send_alert(camera_id, timestamp=datetime.fromtimestamp(begin + 7, UTC).isoformat())
    clip = RecordedClip(
        event_id=watcher.event_id(alert_id), start_ms=round((begin + 3) * 1000), end_ms=round((begin + 11) * 1000)
    )
    with visit.server.client(watcher.token) as client:
        source = make_clip(tmp_path / "in.mp4", seconds=8)
        make_recording(client, visit.server.media, camera_id, source, begin=begin, seconds=16)
        batch = RecordingBatch(clips=(clip,)).model_dump(mode="json")
        answer = client.post(f"/api/cameras/{camera_id}/recordings/", json=batch)
        assert answer.json()["clips"] == [clip.event_id]
    visit.open(f"/dashboard/alerts/{alert_id}/")
    video = visit.page.locator("video")
    expect(video).to_have_js_property("videoWidth", 320)
    assert video.evaluate("video => video.duration") == pytest.approx(8.0, abs=0.3)
    played = video.evaluate(PLAYED)
    assert played["error"] is None
    assert played["at"] == pytest.approx(8.0, abs=0.3)
    assert played["shown"] >= 70
    wound = video.evaluate(
        """video => new Promise(resolve => {
            video.addEventListener("seeked", () => resolve(video.currentTime));
            video.currentTime = 3;
        })"""
    )
    assert wound == pytest.approx(3.0, abs=0.1)


PLAYED = """async (video) => {
    video.muted = true;
    video.loop = false;
    video.currentTime = 0;
    video.playbackRate = 2;
    await new Promise((resolve) => {
        setTimeout(resolve, 40_000);
        for (const name of ["ended", "error"]) video.addEventListener(name, resolve);
        video.play().catch(resolve);
    });
    return {
        error: video.error && video.error.message,
        at: video.currentTime,
        shown: video.getVideoPlaybackQuality().totalVideoFrames,
    };
}"""
X264_OPEN = "open-gop=1:b-pyramid=normal:bframes=3:ref=4:scenecut=0:b-adapt=0"


def test_clip_of_open_gops_plays_completely(visit: Visit, watcher: Watcher, tmp_path: Path) -> None:
    """Its first keyframe is not an IDR frame, after which Chromium used to stop. Its duration is known at once."""
    options = {"bf": "3", "preset": "fast", "x264-params": X264_OPEN}
    made = make_clip(tmp_path / "clip.mp4", seconds=8, keyframe_every=20, options=options)
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
    alert_id = watcher.send_alert(camera_id)
    watcher.send_clip(camera_id, alert_id, recorded(made, skip_keyframes=2))
    visit.open(f"/dashboard/alerts/{alert_id}/")
    video = visit.page.locator("video")
    expect(video).to_have_js_property("videoWidth", 320)
    assert video.evaluate("video => video.duration") == pytest.approx(4.0, abs=0.3)
    played = video.evaluate(PLAYED)
    assert played["error"] is None
    assert played["at"] == pytest.approx(4.0, abs=0.3)
    assert played["shown"] >= 35


HEARD = """async (video) => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const samples = new Float32Array(analyser.fftSize);
    context.createMediaElementSource(video).connect(analyser);
    analyser.connect(context.destination);
    let loudest = 0;
    const timer = setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, ...samples.map(Math.abs));
    }, 20);
    video.muted = false;
    video.loop = false; // otherwise it never ends, and the time limit below decides
    video.currentTime = 0;
    await new Promise((resolve) => {
        setTimeout(resolve, 40_000);
        for (const name of ["ended", "error"]) video.addEventListener(name, resolve);
        video.play().catch(resolve);
    });
    clearInterval(timer);
    return { error: video.error && video.error.message, at: video.currentTime, loudest, ended: video.ended };
}"""


@pytest.mark.parametrize(
    ("encoder", "name", "rate"),
    [("pcm_mulaw", "clip.mov", 8000), ("aac", "clip.mp4", 16_000), ("libopus", "clip.mp4", 48_000)],
)
def test_clip_has_sound(visit: Visit, watcher: Watcher, tmp_path: Path, encoder: str, name: str, rate: int) -> None:
    made = make_clip_with_sound(tmp_path / name, encoder, seconds=4, sample_rate=rate)
    camera_id = visit.server.add_camera(
        visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream", detection={"record_audio": True}
    )
    alert_id = watcher.send_alert(camera_id)
    watcher.send_clip(camera_id, alert_id, recorded_with_sound(made))
    visit.open(f"/dashboard/alerts/{alert_id}/")
    video = visit.page.locator("video")
    expect(video).to_have_js_property("videoWidth", 320)
    visit.page.mouse.click(5, 5)  # a browser plays no sound before the user has done something
    heard = video.evaluate(HEARD)
    assert (heard["error"], heard["ended"]) == (None, True)
    assert heard["at"] == pytest.approx(4.0, abs=0.3)
    assert heard["loudest"] > 0.3


def test_clip_has_the_configured_aspect_ratio(visit: Visit, watcher: Watcher, tmp_path: Path) -> None:
    made = make_clip(tmp_path / "clip.mp4", seconds=2)
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
    alert_id = watcher.send_alert(camera_id)
    watcher.send_clip(camera_id, alert_id, recorded(made, display_aspect=Fraction(640, 192)))
    visit.open(f"/dashboard/alerts/{alert_id}/")
    expect(visit.page.locator("video")).to_have_js_property("videoWidth", 640)
    expect(visit.page.locator("video")).to_have_js_property("videoHeight", 192)


def test_a_clip_that_the_browser_cannot_play_can_be_downloaded(
    visit: Visit, watcher: Watcher, tmp_path: Path
) -> None:
    """Debian's Chromium has no decoder for H.265."""
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
    playable, unplayable = watcher.send_alert(camera_id), watcher.send_alert(camera_id)
    content = recorded(make_clip(tmp_path / "h265.mp4", seconds=2, codec="libx265"))
    watcher.send_clip(camera_id, playable, recorded(make_clip(tmp_path / "h264.mp4", seconds=2)))
    watcher.send_clip(camera_id, unplayable, content)
    page, problem = visit.page, visit.page.locator("[data-clip-problem]")

    visit.open(f"/dashboard/alerts/{unplayable}/")
    expect(problem).to_be_visible()
    expect(problem).to_contain_text("This browser cannot play the clip. Many browsers lack a decoder for H.265.")
    with page.expect_download() as download:
        problem.get_by_role("link", name="Download the clip").click()
    assert download.value.suggested_filename == f"alert-{unplayable}.mp4"
    assert download.value.path().read_bytes() == content

    visit.open(f"/dashboard/alerts/{playable}/")
    expect(page.locator("video")).to_have_js_property("videoWidth", 320)
    expect(problem).to_be_hidden()


@pytest.mark.parametrize(("codec", "name", "tag"), [("libx264", "h264", "avc1"), ("libx265", "hevc", "hvc1")])
def test_clip_is_served_in_ranges(tmp_path: Path, codec: str, name: str, tag: str) -> None:
    """Also for H.265, which Debian's Chromium does not play but other browsers do."""
    path = tmp_path / "recorded.mp4"
    path.write_bytes(recorded(make_clip(tmp_path / "clip.mp4", seconds=4, codec=codec)))
    words = ("-v", "warning", "-count_frames", "-show_streams", "-show_format", "-of", "json")
    found = subprocess.run(["ffprobe", *words, path], capture_output=True, text=True, check=True)
    assert found.stderr == "", "nothing to complain of"
    probed = json.loads(found.stdout)
    (stream,) = probed["streams"]
    assert (stream["codec_name"], stream["codec_tag_string"], stream["nb_read_frames"]) == (name, tag, "40")
    assert (stream["width"], stream["height"], stream["start_time"]) == (320, 192, "0.000000")
    assert float(probed["format"]["duration"]) == pytest.approx(4.0, abs=0.2)
