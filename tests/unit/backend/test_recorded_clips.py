"""Clips that are parts of recordings: named once, served as a file, and kept as long as their alert."""

import io
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from pytest_django import Settings
from tests.integration.services.made_clips import make_clip
from tests.unit.backend.conftest import Party, files_in, send
from tests.unit.backend.test_clips import send_clip
from tests.unit.detector.recording.recorded import BEGIN, Clocks, play, recorder_on, spool_of

from surveillance.models import Alert, Camera
from surveillance.services import retention
from surveillance.services.retention import retention_apply
from vigil_apps.evidence.archive import FolderOutput
from vigil_apps.evidence.core.manifest import Order
from vigil_apps.evidence.folder import evidence_export, evidence_material
from vigil_apps.recordings.clips import recorded_clips_sweep
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan
from vigil_apps.recordings.retention import recordings_retain
from vigil_contracts.recording import recording_key

BEGIN_MS = round(BEGIN * 1000)
EVENT = "event-0001"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(BEGIN, UTC) + timedelta(seconds=seconds)


def post(detector: Party, camera: Camera, *segments: dict[str, Any], clips: Any = ()) -> Any:
    batch = {"segments": segments, "clips": list(clips)}
    return detector.client.post(f"/api/cameras/{camera.pk}/recordings/", batch, format="json")


def clip(first: float, last: float, event_id: str = EVENT) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "start_ms": BEGIN_MS + round(first * 1000),
        "end_ms": BEGIN_MS + round(last * 1000),
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds with a keyframe each second."""
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", seconds=20)


@pytest.fixture
def recorded(tmp_path: Path, media: Path, camera: Camera, detector: Party, source: Path) -> list[dict[str, Any]]:
    """Twenty seconds of the camera, as the detector registers them; their files are stored."""
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, camera_id=camera.pk)
    play(source, recorder, clocks)
    waiting = spool_of(recorder).waiting(camera.pk)
    for one in waiting:
        path = media / recording_key(camera.pk, one.facts.start_ms)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.path, path)
    return [one.segment.model_dump(mode="json") for one in waiting]


@pytest.fixture
def event(camera: Camera, detector: Party) -> Alert:
    """An alert ten seconds after the recording's begin, without an image."""
    assert send(detector, camera, timestamp=at(10).isoformat()).status_code == 201
    return Alert.objects.get()


@pytest.fixture
def named(recorded: list[dict[str, Any]], camera: Camera, detector: Party, event: Alert) -> Alert:
    """The alert, with its clip from 5 to 15 s."""
    answer = post(detector, camera, *recorded, clips=[clip(5, 15)])
    assert answer.json()["clips"] == [EVENT]
    event.refresh_from_db()
    return event


def times_in(content: bytes) -> list[float]:
    with av.open(io.BytesIO(content), "r") as container:
        return [float(frame.time or 0.0) for frame in container.decode(video=0)]


def test_a_clip_is_a_part_of_the_recording(anna: Party, ben: Party, media: Path, named: Alert, source: Path) -> None:
    stored = set(files_in(media))
    path = anna.client.get(f"/api/alerts/{named.pk}/").json()["clip"]
    assert path == f"/api/alerts/{named.pk}/clip/"
    assert ben.client.get(path).status_code == 404
    assert set(files_in(media)) == stored, "no second copy"
    shown = anna.client.get(path)
    assert (shown.status_code, shown["Content-Type"]) == (200, "video/mp4")
    times = times_in(shown.content)
    assert times[0] == pytest.approx(0, abs=0.001)
    assert times[-1] == pytest.approx(10, abs=0.3)
    assert shown.content.index(b"moov") < shown.content.index(b"mdat"), "players show its duration at once"
    with av.open(io.BytesIO(shown.content), "r") as made, av.open(str(source), "r") as original:
        assert made.duration is not None
        assert made.duration / 1e6 == pytest.approx(10, abs=0.3)
        frames = [frame.to_ndarray().tobytes() for frame in made.decode(video=0)]
        assert frames == [
            frame.to_ndarray().tobytes() for frame in original.decode(video=0) if 5 <= (frame.time or 0) < 15
        ]
    part = anna.client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, shown.content[100:200])
    (made_file,) = set(files_in(media)) - stored
    modified = made_file.stat().st_mtime_ns
    assert anna.client.get(path).content == shown.content
    assert made_file.stat().st_mtime_ns == modified, "joined once"


@pytest.mark.parametrize(
    ("first", "last"), [(-3, 7), (12, 22), (5, 15)], ids=["begins earlier", "ends later", "has a hole"]
)
def test_what_the_recording_lacks_is_no_clip(
    camera: Camera, detector: Party, recorded: list[dict[str, Any]], event: Alert, first: float, last: float
) -> None:
    segments = recorded if (first, last) != (5, 15) else [recorded[0], recorded[1], recorded[3], recorded[4]]
    answer = post(detector, camera, *segments, clips=[clip(first, last)])
    assert (answer.status_code, answer.json()["clips"]) == (200, [])
    event.refresh_from_db()
    assert not event.has_clip


def test_a_change_of_format_is_no_clip(
    camera: Camera, detector: Party, recorded: list[dict[str, Any]], event: Alert
) -> None:
    changed = [{**one, "init_id": "f" * 16} if number >= 2 else one for number, one in enumerate(recorded)]
    assert post(detector, camera, *changed, clips=[clip(5, 15)]).json()["clips"] == []
    assert not Alert.objects.get().has_clip


def test_only_events_of_that_time_and_camera_get_it(
    anna: Party, camera: Camera, detector: Party, recorded: list[dict[str, Any]]
) -> None:
    send(detector, camera, event_id="event-0002", timestamp=at(120).isoformat())
    answer = post(detector, camera, *recorded, clips=[clip(5, 15, "event-0002"), clip(5, 15, "unknown-1")])
    assert answer.json()["clips"] == []
    assert len(answer.json()["stored"]) == len(recorded), "and the recording is registered all the same"


def test_the_first_clip_stays(
    camera: Camera, detector: Party, media: Path, recorded: list[dict[str, Any]], named: Alert, source: Path
) -> None:
    answer = send_clip(detector, camera, source.read_bytes())
    assert answer.status_code == 200, "already there"
    assert not list((media / "alerts").rglob("*.mp4"))
    again = post(detector, camera, clips=[clip(6, 14)])
    assert again.json()["clips"] == [EVENT]
    after = Alert.objects.get()
    assert (after.clip_start_ms, after.clip_end_ms) == (BEGIN_MS + 5000, BEGIN_MS + 15000)
    Alert.objects.update(clip_start_ms=None, clip_end_ms=None)
    assert send_clip(detector, camera, source.read_bytes()).status_code == 201
    assert post(detector, camera, clips=[clip(5, 15)]).json()["clips"] == [EVENT]
    assert Alert.objects.get().clip_start_ms is None


def test_a_wrong_clip_is_named(camera: Camera, detector: Party) -> None:
    answer = post(detector, camera, clips=[clip(5, 5)])
    assert answer.status_code == 400
    assert "end_ms must be after start_ms, by at most 120 s" in str(answer.json())
    assert post(detector, camera, clips=[clip(0, 121)]).status_code == 400


def no_pause(_: float) -> None:
    """Do not wait."""


def kept(camera: Camera) -> list[float]:
    """Return the begins of the recorded segments in seconds."""
    starts = (
        RecordedSegment.objects.filter(camera_id=camera.pk).order_by("start_ms").values_list("start_ms", flat=True)
    )
    return [round((one - BEGIN_MS) / 1000, 1) for one in starts]


def test_a_full_disk_leaves_the_clip_until_its_alert_is_gone(
    anna: Party, camera: Camera, media: Path, settings: Settings, named: Alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surveillance.storages.DirectoryStorage.excess_bytes", lambda *_, **__: 10**9)
    assert kept(camera) == [0, 4, 8, 12, 16]
    recordings_retain(now=at(60), pause=no_pause)
    assert kept(camera) == [4, 8, 12]
    shown = anna.client.get(f"/api/alerts/{named.pk}/clip/")
    assert times_in(shown.content)[-1] == pytest.approx(10, abs=0.3)
    named.delete()
    recordings_retain(now=at(60), pause=no_pause)
    assert kept(camera) == []


def test_age_keeps_a_clip_that_reaches_further_than_what_surrounds_the_alert(
    camera: Camera, detector: Party, recorded: list[dict[str, Any]], media: Path
) -> None:
    Camera.objects.update(recording={"mode": "continuous", "days": 1})
    send(detector, camera, timestamp=at(34).isoformat())  # 15 s before it begin at 19 s
    assert post(detector, camera, *recorded, clips=[clip(0.5, 19.9)]).json()["clips"] == [EVENT]
    recordings_retain(now=at(0) + timedelta(days=3), pause=no_pause)
    assert kept(camera) == [0, 4, 8, 12, 16]
    Alert.objects.all().delete()
    RecordedSpan.objects.update(kept_until_ms=0)
    recordings_retain(now=at(0) + timedelta(days=3), pause=no_pause)
    assert kept(camera) == []


def test_the_file_of_a_clip_goes_with_its_alert_and_after_a_day(
    anna: Party, media: Path, named: Alert, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    path = f"/api/alerts/{named.pk}/clip/"
    anna.client.get(path)
    now = datetime.now(UTC)
    assert recorded_clips_sweep(now=now) == 0
    assert recorded_clips_sweep(now=now + timedelta(days=1, minutes=1)) == 1
    assert files_in(media / "recorded-clips") == []
    assert anna.client.get(path).status_code == 200, "it is made again"
    monkeypatch.setattr("vigil_apps.recordings.clips._MOST_BYTES_KEPT", 10)
    call_command("apply_recording_retention")
    assert files_in(media / "recorded-clips") == [], "and there is a bound"
    anna.client.get(path)
    with django_capture_on_commit_callbacks(execute=True):
        named.delete()
    assert files_in(media / "recorded-clips") == []


def test_a_case_has_the_clip(camera: Camera, named: Alert, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    exported = evidence_export(
        evidence_material([], list(Alert.objects.select_related("camera"))),
        order=Order("anna", "Break-in", "4711/26"),
        output=FolderOutput(tmp_path),
        key=Ed25519PrivateKey.generate(),
        now=at(60),
        progress=lambda done, total: progress.append((done, total)),
    )
    name = f"alert-{named.pk}.mp4"
    assert name in [one.name for one in exported.files]
    assert times_in((tmp_path / name).read_bytes())[-1] == pytest.approx(10, abs=0.3)
    assert progress[-1] == (named.clip_bytes, named.clip_bytes)


def test_a_lost_recording_is_no_clip(anna: Party, media: Path, named: Alert) -> None:
    shutil.rmtree(media / "recordings")
    assert anna.client.get(f"/api/alerts/{named.pk}/clip/").status_code == 404


def test_a_recorded_clip_takes_no_space_of_alerts(
    camera: Camera, named: Alert, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < named.clip_bytes < 4_000_000
    monkeypatch.setattr(retention, "MEGABYTE", named.clip_bytes // 2)
    Alert.objects.update(resolved=True)
    settings.VIGIL_RETENTION_MEGABYTES = 1
    assert retention_apply(now=at(60), pause=no_pause) == [], "its camera's limit for images and clips is kept"
    monkeypatch.setattr("surveillance.storages.DirectoryStorage.excess_bytes", lambda *_, **__: 1)
    (deleted,) = retention_apply(now=at(60), pause=no_pause)
    assert (deleted.alerts, deleted.size_bytes) == (1, 0)
