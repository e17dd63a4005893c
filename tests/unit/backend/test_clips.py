"""Clips: one per alert, identified by content, served in ranges, deleted with their alert."""

import io
import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.utils import timezone
from tests.integration.services.made_clips import make_clip
from tests.unit.backend.conftest import Party, files_in

from surveillance import images
from surveillance.core.clips import MAX_BYTES, UNWANTED_AUDIO, InvalidClipError, check_clip
from surveillance.models import Alert, Camera
from surveillance.services.sweeps import orphans_delete


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=1).read_bytes()


def tracks(*encoders: str) -> bytes:
    """Return an MP4 with a moment of each of these encoders' work."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        packets: list[av.Packet[Any]] = []
        for encoder in encoders:
            stream = output.add_stream(encoder, rate=48_000 if encoder != "libx264" else 10)
            if isinstance(stream, av.VideoStream):
                stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts, picture.time_base = 0, Fraction(1, 10)
                packets += [*stream.encode(picture), *stream.encode(None)]
            elif isinstance(stream, av.AudioStream):
                stream.layout = "mono"
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1536), np.float32), format="fltp", layout="mono")
                silence.sample_rate, silence.pts, silence.time_base = 48_000, 0, Fraction(1, 48_000)
                packets += [*stream.encode(silence), *stream.encode(None)]
        output.mux(packets)
    return file.getvalue()


def send_clip(sender: Party, camera: Camera, content: bytes | None, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "event_id": "event-0001",
        "camera": str(camera.pk),
        "started_at": "2026-11-23T12:00:00Z",
        "duration_seconds": "10.0",
        **changes,
    }
    if content is not None:
        fields["clip"] = io.BytesIO(content)
        fields["clip"].name = "clip.mp4"
    return sender.client.post("/api/send-clip/", fields, format="multipart")


def test_clip_is_stored_once_per_alert(
    anna: Party, ben: Party, detector: Party, camera: Camera, alert: Alert, media: Path, mp4: bytes
) -> None:
    assert anna.client.get(f"/api/alerts/{alert.pk}/").json()["clip"] is None
    first, again = send_clip(detector, camera, mp4), send_clip(detector, camera, mp4)
    assert (first.status_code, again.status_code) == (201, 200)
    path = first.json()["clip"]
    assert path == f"/api/alerts/{alert.pk}/clip/"
    assert len(files_in(media)) == 2, "picture and clip"
    shown = anna.client.get(path)
    assert (shown.status_code, shown["Content-Type"], shown.content) == (200, "video/mp4", mp4)
    assert ben.client.get(path).status_code == 404


@pytest.mark.parametrize("encoder", ["aac", "libopus"])
def test_audio_is_stored_only_where_it_is_set(
    anna: Party, detector: Party, camera: Camera, alert: Alert, media: Path, encoder: str
) -> None:
    content = tracks("libx264", encoder)
    stored = files_in(media)
    refused = send_clip(detector, camera, content)
    assert (refused.status_code, refused.json()) == (400, {"clip": [UNWANTED_AUDIO]})
    assert files_in(media) == stored
    body = {"detection": {"record_audio": True}}
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", body).status_code == 200
    assert send_clip(detector, camera, content).status_code == 201


def test_clip_without_its_alert_is_rejected_permanently(detector: Party, camera: Camera, mp4: bytes) -> None:
    answer = send_clip(detector, camera, mp4)
    assert answer.status_code == 409
    assert "send the alert first" in answer.json()["detail"]


def test_detector_can_only_add_clips_to_its_own_camera(
    detector: Party, pipeline: Party, alert: Alert, mp4: bytes
) -> None:
    other = Camera.objects.create(user=alert.camera.user, name="Other", rtsp_url="rtsp://h/1")
    assert send_clip(detector, other, mp4).status_code == 404
    assert send_clip(pipeline, other, mp4).status_code == 409


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-", 206, 100, -1),
        ("bytes=-50", 206, -50, -1),
        ("bytes=0-99999999", 206, 0, -1),
        ("bytes=99999999-", 416, 0, 0),
        ("bytes=9-3", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, -1),
        ("lines=1-2", 200, 0, -1),
        ("bytes=-", 200, 0, -1),
    ],
)
def test_range_requests_are_served(
    anna: Party,
    detector: Party,
    camera: Camera,
    alert: Alert,
    mp4: bytes,
    asked: str,
    status: int,
    first: int,
    last: int,
) -> None:
    path = send_clip(detector, camera, mp4).json()["clip"]
    answer = anna.client.get(path, headers={"Range": asked})
    assert answer.status_code == status
    assert answer["Accept-Ranges"] == "bytes"
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(mp4)}"
        return
    begin, end = first % len(mp4), last % len(mp4)
    assert answer.content == mp4[begin : end + 1]
    if status == 206:
        assert answer["Content-Range"] == f"bytes {begin}-{end}/{len(mp4)}"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"clip": "text"}, "clip", "must be sent as a file"),
        ({}, "clip", "must be sent, as a file"),
        ({"started_at": "yesterday"}, "started_at", "datetime"),
        ({"duration_seconds": "-1"}, "duration_seconds", "greater than or equal to 0"),
        ({"event_id": "x"}, "event_id", "at least 8 characters"),
    ],
)
def test_invalid_fields_are_named(
    detector: Party, camera: Camera, alert: Alert, changes: dict[str, str], field: str, words: str
) -> None:
    answer = send_clip(detector, camera, None, **changes)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert words in answer.json()[field][0]


def test_invalid_or_unplayable_mp4_is_rejected(mp4: bytes, tmp_path: Path) -> None:
    check_clip(mp4, may_have_audio=False)
    check_clip(tracks("libx264", "aac"), may_have_audio=True)
    check_clip(tracks("libx264", "libopus"), may_have_audio=True)
    sound, twice, other = tracks("aac"), tracks("libx264", "aac", "aac"), tracks("libx264", "ac3")
    mjpeg = make_clip(tmp_path / "mjpeg.mp4", seconds=1, codec="mjpeg").read_bytes()
    refused = {
        b"": "is empty",
        mp4[:-7]: "damaged or incomplete",
        mp4[: len(mp4) // 2]: "damaged or incomplete",
        b"<html><script>alert(1)</script>" + mp4: "is not an MP4",
        mp4[8:]: "is not an MP4",
        mp4.replace(b"ftyp", b"free"): "is not an MP4",
        mjpeg: "one video track (H.264 or H.265)",
        sound: "one video track (H.264 or H.265)",
        twice: "at most one audio track (AAC or Opus)",
        other: "at most one audio track (AAC or Opus)",
        b"\x00" * (MAX_BYTES + 1): "at most 16 MB",
        b"\x00\x00\x00\x00moov": "is not an MP4",
    }
    for content, words in refused.items():
        with pytest.raises(InvalidClipError, match=re.escape(words)):
            check_clip(content, may_have_audio=True)


def test_rejected_clip_leaves_no_file(detector: Party, camera: Camera, alert: Alert, media: Path, mp4: bytes) -> None:
    answer = send_clip(detector, camera, mp4[:-1])
    assert (answer.status_code, list(answer.json())) == (400, ["clip"])
    alert.refresh_from_db()
    assert alert.clip == ""
    assert len(files_in(media)) == 1


def test_concurrent_uploads_leave_one_file(
    detector: Party, camera: Camera, alert: Alert, media: Path, mp4: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the write of one request, the other one has been stored."""
    save = images.save

    def slow_save(content: bytes, **options: Any) -> str:
        key = save(content, **options)
        Alert.objects.filter(pk=alert.pk).update(clip="alerts/theirs.mp4")
        return key

    monkeypatch.setattr(images, "save", slow_save)
    assert send_clip(detector, camera, mp4).status_code == 200
    alert.refresh_from_db()
    assert alert.clip == "alerts/theirs.mp4"
    assert len(files_in(media)) == 1


def test_clip_is_deleted_with_its_alert_and_survives_the_sweep(
    detector: Party,
    camera: Camera,
    alert: Alert,
    media: Path,
    mp4: bytes,
    django_capture_on_commit_callbacks: Any,
) -> None:
    send_clip(detector, camera, mp4)
    images.save(b"left by a process that was killed", now=timezone.now(), extension="mp4")
    assert len(orphans_delete(written_before=timezone.now() + timedelta(minutes=1)).orphans) == 1
    assert len(files_in(media)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        Alert.objects.get().delete()
    assert files_in(media) == []
