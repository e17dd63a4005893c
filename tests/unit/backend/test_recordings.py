"""Recordings: the index, its timeline and playlist, retention and the sweep."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from tests.unit.backend.conftest import Party, files_in, send

from surveillance.event_streams.handoff import HEADER
from surveillance.event_streams.recorded_frames import Outcome, outcome_of
from surveillance.models import Alert, Camera, DetectorTask
from vigil_apps.recordings.core.playlist import Item, media_playlist, of_same_tracks
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan, RecordingGap
from vigil_apps.recordings.retention import recordings_retain
from vigil_apps.recordings.sweep import Swept, recordings_sweep
from vigil_contracts.preview import preview_box
from vigil_contracts.recording import recording_key

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
INIT = "0123456789abcdef"
SIZE = 5000


def segment(at_seconds: float, *, duration: float = 4.0, **fields: Any) -> dict[str, Any]:
    """Return a segment that begins so many seconds after noon."""
    return {
        "start_ms": NOON_MS + round(at_seconds * 1000),
        "duration_ms": round(duration * 1000),
        "size_bytes": SIZE,
        "init_bytes": 800,
        "init_id": INIT,
        "codecs": "avc1.64001f",
        "width": 1920,
        "height": 1080,
        "motion": 0,
        **fields,
    }


def store(media: Path, camera: Camera, *segments: dict[str, Any]) -> None:
    """Put the files of the segments into the storage, as a detector does."""
    for one in segments:
        path = media / recording_key(camera.pk, one["start_ms"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * one["size_bytes"])


def register(detector: Party, camera: Camera, *segments: dict[str, Any], gaps: Any = ()) -> dict[str, Any]:
    answer = detector.client.post(
        f"/api/cameras/{camera.pk}/recordings/", {"segments": segments, "gaps": list(gaps)}, format="json"
    )
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def record(media: Path, detector: Party, camera: Camera, *starts: float, **fields: Any) -> None:
    segments = [segment(at, **fields) for at in starts]
    store(media, camera, *segments)
    assert register(detector, camera, *segments)["missing"] == []


def timeline(anna: Party, camera: Camera, first: float = 0, last: float = 3600) -> dict[str, Any]:
    answer = anna.client.get(f"/api/cameras/{camera.pk}/recordings/", _period(first, last))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def _period(first: float, last: float) -> dict[str, str]:
    return {
        "from": (NOON + timedelta(seconds=first)).isoformat(),
        "to": (NOON + timedelta(seconds=last)).isoformat(),
    }


def _shown(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test_a_segment_is_indexed_once_however_often_it_is_sent(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    segments = [segment(0), segment(4)]
    store(media, camera, *segments)
    for _ in range(3):
        assert register(detector, camera, *segments) == {
            "stored": [one["start_ms"] for one in segments],
            "missing": [],
            "clips": [],
        }
    assert RecordedSegment.objects.count() == 2
    span = RecordedSpan.objects.get()
    assert (span.start_ms, span.end_ms, span.segments, span.size_bytes) == (NOON_MS, NOON_MS + 8000, 2, 2 * SIZE)
    assert timeline(anna, camera) == {"recorded": [{"start": _shown(0), "end": _shown(8)}], "gaps": []}


@pytest.mark.parametrize("is_short", [False, True], ids=["no file", "half a file"])
def test_a_row_never_exists_without_its_whole_file(
    media: Path, camera: Camera, detector: Party, *, is_short: bool
) -> None:
    whole, lost = segment(0), segment(4)
    store(media, camera, whole)
    if is_short:
        store(media, camera, {**lost, "size_bytes": SIZE - 1})
    assert register(detector, camera, whole, lost) == {
        "stored": [whole["start_ms"]],
        "missing": [lost["start_ms"]],
        "clips": [],
    }
    assert RecordedSegment.objects.get().start_ms == whole["start_ms"]


def test_spans_end_at_gaps_changes_of_format_and_hours(media: Path, camera: Camera, detector: Party) -> None:
    record(media, detector, camera, 0, 4, 8)
    record(media, detector, camera, 20, 24)  # after a gap
    record(media, detector, camera, 28, init_id="f" * 16)  # another size
    record(media, detector, camera, 3596, 3600)
    spans = RecordedSpan.objects.values_list("start_ms", "end_ms", "segments")
    assert [(round((a - NOON_MS) / 1000), round((b - NOON_MS) / 1000), n) for a, b, n in spans] == [
        (0, 12, 3),
        (20, 28, 2),
        (28, 32, 1),
        (3596, 3600, 1),
        (3600, 3604, 1),
    ]


def test_what_is_filled_in_later_closes_the_hole(media: Path, camera: Camera, detector: Party, anna: Party) -> None:
    record(media, detector, camera, 0, 4)
    record(media, detector, camera, 16, 20)
    record(media, detector, camera, 12, 8)
    assert timeline(anna, camera)["recorded"] == [{"start": _shown(0), "end": _shown(24)}]


def test_the_timeline_shows_gaps_with_the_cameras_own_words(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    record(media, detector, camera, 0, 100)
    gap = {"start_ms": NOON_MS + 4000, "end_ms": NOON_MS + 50_000, "reason": "StreamUnreachable"}
    register(detector, camera, gaps=[gap])
    register(detector, camera, gaps=[{**gap, "end_ms": NOON_MS + 100_000}])  # it has lasted longer
    assert timeline(anna, camera, 2, 60) == {
        "recorded": [{"start": _shown(2), "end": _shown(4)}],
        "gaps": [
            {
                "start": _shown(4),
                "end": _shown(60),
                "reason": "StreamUnreachable",
                "message": "The camera is unreachable. Check its power, network, host name and port.",
            }
        ],
    }
    assert timeline(anna, camera, 60, 70)["gaps"][0]["start"] == _shown(60), "a gap that began before"
    assert timeline(anna, camera, 101, 110) == {"recorded": [{"start": _shown(101), "end": _shown(104)}], "gaps": []}


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ({}, "from", "Field required"),
        ({"from": "yesterday", "to": "x"}, "from", "valid datetime"),
        ({"from": "2026-11-20T12:00:00", "to": "2026-11-20T13:00:00Z"}, "from", "timezone"),
        ({"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T12:00:00Z"}, "to", "must be later than from"),
        ({"from": "2026-01-20T12:00:00Z", "to": "2026-11-20T12:00:00Z"}, "to", "must be at most 744 hours after"),
        ({"from": "1800-01-20T12:00:00Z", "to": "2026-11-20T12:00:00Z"}, "from", "between 1990 and 2100"),
    ],
    ids=range(6),
)
def test_a_wrong_period_is_named(anna: Party, camera: Camera, query: dict[str, str], field: str, words: str) -> None:
    answer = anna.client.get(f"/api/cameras/{camera.pk}/recordings/", query)
    assert answer.status_code == 400
    assert words in answer.json()[field][0]


def test_playlist_of_spans_gaps_and_formats(media: Path, camera: Camera, detector: Party, anna: Party) -> None:
    record(media, detector, camera, 0, 4)
    record(media, detector, camera, 20, init_id="f" * 16, init_bytes=700)
    record(media, detector, camera, 400)
    answer = anna.client.get(f"/api/cameras/{camera.pk}/recordings/playlist.m3u8", _period(0, 3600))
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    name = [f"{NOON_MS + at * 1000}.mp4" for at in (0, 4, 20, 400)]
    assert answer.content.decode().splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{name[0]}",BYTERANGE="800@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:00.000Z",
        "#EXTINF:4.000,",
        "#EXT-X-BYTERANGE:4200@800",
        name[0],
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:04.000Z",
        "#EXTINF:4.000,",
        "#EXT-X-BYTERANGE:4200@800",
        name[1],
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-GAP",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:08.000Z",
        "#EXTINF:4.000,",
        "gap.mp4",
        "#EXT-X-GAP",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:12.000Z",
        "#EXTINF:4.000,",
        "gap.mp4",
        "#EXT-X-GAP",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:16.000Z",
        "#EXTINF:4.000,",
        "gap.mp4",
        "#EXT-X-DISCONTINUITY",
        f'#EXT-X-MAP:URI="{name[2]}",BYTERANGE="700@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:20.000Z",
        "#EXTINF:4.000,",
        "#EXT-X-BYTERANGE:4300@700",
        name[2],
        "#EXT-X-DISCONTINUITY",
        f'#EXT-X-MAP:URI="{name[3]}",BYTERANGE="800@0"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:06:40.000Z",
        "#EXTINF:4.000,",
        "#EXT-X-BYTERANGE:4200@800",
        name[3],
        "#EXT-X-ENDLIST",
    ]
    assert (
        anna.client.get(f"/api/cameras/{camera.pk}/recordings/playlist.m3u8", _period(5000, 6000)).status_code == 404
    )


def test_no_segment_is_longer_than_the_target_duration() -> None:
    items = [
        Item(NOON_MS, 4000, 9, INIT, 8),
        Item(NOON_MS + 4000, 9400, 9, INIT, 8),
        Item(NOON_MS + 43_000, 40, 9, INIT, 8),
    ]
    lines = media_playlist(items, str).splitlines()
    target = next(int(line.partition(":")[2]) for line in lines if line.startswith("#EXT-X-TARGETDURATION"))
    lengths = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF")]
    assert target == 10
    assert max(lengths) < target + 0.5
    assert sum(lengths) == pytest.approx(43.04, abs=0.002)


def test_a_playlist_ends_where_audio_begins_or_ends(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    silent: dict[str, Any] = {}
    audible: dict[str, Any] = {"codecs": "avc1.64001f,mp4a.40.2", "init_id": "f" * 16}
    segments = [segment(0, **silent), segment(4, **silent), segment(8, **audible), segment(12, **silent)]
    store(media, camera, *segments)
    register(detector, camera, *segments)

    def starts(first: float) -> list[int]:
        query = {"from": NOON + timedelta(seconds=first), "to": NOON + timedelta(seconds=60)}
        url = f"/api/cameras/{camera.pk}/recordings/playlist.m3u8"
        answer = anna.client.get(url, {name: at.isoformat() for name, at in query.items()})
        lines = answer.content.decode().splitlines()
        return [(int(line[:-4]) - NOON_MS) // 1000 for line in lines if line.endswith(".mp4")]

    assert [starts(at) for at in (0, 4, 8, 12)] == [[0, 4], [4], [8], [12]]
    assert of_same_tracks([]) == []


def test_a_segment_is_served_in_ranges_and_only_while_it_is_indexed(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    record(media, detector, camera, 0)
    url = f"/api/cameras/{camera.pk}/recordings/{NOON_MS}.mp4"
    part = anna.client.get(url, HTTP_RANGE="bytes=0-799")
    assert (part.status_code, len(part.content), part.headers["Content-Type"]) == (206, 800, "video/mp4")
    assert anna.client.get(url.replace(str(NOON_MS), str(NOON_MS + 1))).status_code == 404
    assert anna.client.get(url.replace(str(NOON_MS), "9" * 40)).status_code == 404
    RecordedSegment.objects.all().delete()
    assert anna.client.get(url).status_code == 404


def test_a_directory_has_no_upload_urls(camera: Camera, detector: Party) -> None:
    answer = detector.client.post(
        f"/api/cameras/{camera.pk}/recordings/uploads/", {"starts_ms": [NOON_MS]}, format="json"
    )
    assert answer.json() == {"uploads": []}


def test_recording_settings_are_those_of_the_camera(anna: Party, camera: Camera, detector: Party) -> None:
    url = f"/api/cameras/{camera.pk}/"
    assert anna.client.get(url).json()["recording"]["mode"] == "off"
    Camera.objects.update(recording=None)  # a row of the previous version
    assert anna.client.get(url).json()["recording"]["mode"] == "off"
    answer = anna.client.patch(url, {"recording": {"mode": "motion", "days": 14}}, format="json")
    assert answer.json()["recording"] == {
        "mode": "motion",
        "stream": "main",
        "seconds_before": 5.0,
        "seconds_after": 10.0,
        "days": 14,
        "gigabytes": None,
    }
    configured = detector.client.get(f"{url}configuration/").json()
    assert configured["recording"]["mode"] == "motion"
    refused = anna.client.patch(url, {"recording": {"mode": "sometimes"}}, format="json")
    assert refused.json() == {"recording.mode": ["Input should be 'off', 'continuous', 'motion' or 'alerts'"]}
    refused = anna.client.patch(url, {"recording": "continuous"}, format="json")
    assert refused.json() == {"recording": ["must be a JSON object"]}


def no_pause(_: float) -> None:
    """Do not wait."""


def test_retention_by_age_keeps_what_alerts_show_until_they_are_gone(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    Camera.objects.update(recording={"mode": "continuous", "days": 2})
    record(media, detector, camera, *range(0, 200, 4))
    register(detector, camera, gaps=[{"start_ms": NOON_MS - 9000, "end_ms": NOON_MS, "reason": "SpoolFull"}])
    send(detector, camera, timestamp=_shown(100))
    recordings_retain(now=NOON + timedelta(days=1), pause=no_pause)
    assert RecordedSegment.objects.count() == 50
    after = NOON + timedelta(days=3)
    assert recordings_retain(now=after, pause=no_pause) > 0
    assert timeline(anna, camera)["recorded"] == [{"start": _shown(84), "end": _shown(116)}]
    kept = RecordedSegment.objects.count()
    assert kept == len(files_in(media / "recordings")) < 12
    assert not RecordingGap.objects.exists()
    span = RecordedSpan.objects.get()
    assert span.segments == kept
    assert set(RecordedSegment.objects.values_list("span_id", flat=True)) == {span.pk}
    Alert.objects.all().delete()
    recordings_retain(now=after + timedelta(days=2), pause=no_pause)
    assert not RecordedSegment.objects.exists()
    assert not RecordedSpan.objects.exists()
    assert files_in(media / "recordings") == []


def test_retention_by_space_deletes_the_oldest_hours(
    media: Path, camera: Camera, detector: Party, settings: Settings
) -> None:
    settings.VIGIL_RECORDING_MAX_GIGABYTES = 1  # a ceiling; the camera has no limit of its own
    for hour in range(4):
        record(media, detector, camera, hour * 3600)
    RecordedSpan.objects.update(size_bytes=400_000_000)
    RecordedSegment.objects.update(size_bytes=400_000_000)
    recordings_retain(now=NOON + timedelta(hours=5), pause=no_pause)
    assert list(RecordedSpan.objects.values_list("start_ms", flat=True)) == [
        NOON_MS + 2 * 3_600_000,
        NOON_MS + 3 * 3_600_000,
    ]


def test_a_deleted_camera_leaves_nothing(media: Path, camera: Camera, detector: Party) -> None:
    record(media, detector, camera, 0, 4)
    register(detector, camera, gaps=[{"start_ms": NOON_MS - 9000, "end_ms": NOON_MS, "reason": "SpoolFull"}])
    camera.delete()
    recordings_retain(now=NOON, pause=no_pause)
    assert files_in(media / "recordings") == []
    assert not RecordedSegment.objects.exists()
    assert not RecordingGap.objects.exists()


def test_sweep_finds_both_differences_and_corrects_them(
    media: Path, camera: Camera, detector: Party, anna: Party
) -> None:
    record(media, detector, camera, 0, 4, 8, 3600)
    store(media, camera, segment(12))
    (media / "recordings" / "strange.txt").write_text("x")
    (media / recording_key(camera.pk, NOON_MS + 4000)).unlink()
    (media / recording_key(camera.pk, NOON_MS + 3_600_000)).unlink()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert recordings_sweep(written_before=datetime(2020, 1, 1, tzinfo=UTC)) == Swept(4, orphans=0, missing=2)
    assert timeline(anna, camera, 0, 4000) == {
        "recorded": [{"start": _shown(0), "end": _shown(4)}, {"start": _shown(8), "end": _shown(12)}],
        "gaps": [
            {
                "start": _shown(at),
                "end": _shown(at + 4),
                "reason": "StorageLost",
                "message": "The recording was lost before it reached the storage.",
            }
            for at in (4, 3600)
        ],
    }
    assert recordings_sweep(written_before=tomorrow) == Swept(4, orphans=2, missing=0)
    assert recordings_sweep(written_before=tomorrow) == Swept(2)


def test_a_preview_is_read_from_the_end_of_its_segment(
    media: Path, camera: Camera, detector: Party, anna: Party, ben: Party
) -> None:
    jpeg = b"\xff\xd8" + b"x" * 3000 + b"\xff\xd9"
    record(media, detector, camera, 0, 4)
    content = b"v" * (SIZE - len(preview_box(jpeg))) + preview_box(jpeg)
    (media / recording_key(camera.pk, NOON_MS + 4000)).write_bytes(content)
    url = f"/api/cameras/{camera.pk}/recordings/preview/"
    for at in (4, 6.5, 7.999):
        answer = anna.client.get(url, {"at": _shown(at)}, headers={"Accept": "image/avif,image/*,*/*;q=0.8"})
        assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/jpeg", jpeg)
        assert answer["Cache-Control"] == "private, max-age=3600"
    for at, status in ((-1, 404), (0, 204), (8, 404)):
        assert anna.client.get(url, {"at": _shown(at)}).status_code == status
    assert ben.client.get(url, {"at": _shown(4)}).status_code == 404
    assert list(anna.client.get(url, {"at": "noon"}).json()) == ["at"]
    (media / recording_key(camera.pk, NOON_MS + 4000)).unlink()
    assert anna.client.get(url, {"at": _shown(4)}).status_code == 204, "until the sweep finds it"


def test_only_the_detector_that_claimed_a_frame_gets_its_file(
    media: Path, camera: Camera, detector: Party, pipeline: Party, anna: Party
) -> None:
    record(media, detector, camera, 0, 4)
    asked = anna.client.get(f"/api/cameras/{camera.pk}/recordings/frame/", {"at": _shown(5), "width": "640"})
    task = DetectorTask.objects.get()
    assert asked[HEADER].split(" ")[::2] == ["recorded-frame", str(task.pk)]
    url = f"/api/errands/{task.pk}/recording/"
    assert pipeline.client.get(url).status_code == 404, "not claimed"
    claimed = pipeline.client.post(f"/api/errands/{task.pk}/claim/").json()
    assert claimed["frame"] == {"at_ms": NOON_MS + 5000, "width": 640}
    assert pipeline.client.get(url).content == (media / recording_key(camera.pk, NOON_MS + 4000)).read_bytes()
    assert detector.client.get(url).status_code == 404
    assert outcome_of(str(task.pk)) is None
    answer = {"result": json.dumps({"message": "The recording of this time cannot be decoded."})}
    assert pipeline.client.post(f"/api/errands/{task.pk}/answer/", answer, format="multipart").status_code == 204
    assert outcome_of(str(task.pk)) == Outcome(None, "The recording of this time cannot be decoded.")
    assert pipeline.client.get(url).status_code == 404
    anna.client.get(f"/api/cameras/{camera.pk}/recordings/frame/", {"at": _shown(5), "width": "640"})
    assert DetectorTask.objects.count() == 2, "what failed is tried again"


def test_a_frame_is_asked_for_within_bounds(media: Path, camera: Camera, detector: Party, anna: Party) -> None:
    record(media, detector, camera, 0)
    url = f"/api/cameras/{camera.pk}/recordings/frame/"
    assert list(anna.client.get(url, {"at": _shown(1), "width": "63"}).json()) == ["width"]
    assert list(anna.client.get(url).json()) == ["at"]
    RecordedSegment.objects.update(size_bytes=2**27)
    assert anna.client.get(url, {"at": _shown(1)}).status_code == 409
    assert not DetectorTask.objects.exists()


def test_segments_are_partitioned_by_week_on_postgresql(media: Path, camera: Camera, detector: Party) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one table")
    record(media, detector, camera, 0, 8 * 86_400)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'recordings_segment'::regclass")
        assert cursor.fetchone() == (2,)
    camera.delete()
    recordings_retain(now=NOON + timedelta(days=60), pause=no_pause)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'recordings_segment'::regclass")
        assert cursor.fetchone() == (0,)
