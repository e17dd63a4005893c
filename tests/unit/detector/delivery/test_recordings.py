"""Delivery of recorded segments: stored before they are registered, exactly once, over every failure."""

import time
from pathlib import Path

import pytest
from tests.integration.services.made_clips import make_clip
from tests.unit.detector.recording.recorded import Clocks, play, recorder_on, spool_of

from cctv.delivery.recordings import DirectoryStore, RecordingSender, StoreError, UploadStore
from cctv.recording.spool import RecordingSpool
from vigil_contracts.api_client import ApiError
from vigil_contracts.recording import (
    RecordedClip,
    RecordingBatch,
    RecordingGap,
    RegisteredRecordings,
    Uploads,
    recording_key,
)


class Index:
    """An API that knows a directory, and fails when told to."""

    def __init__(self, media: Path) -> None:
        self.media = media
        self.rows: dict[int, int] = {}
        self.gaps: dict[int, int] = {}
        self.fails_before, self.fails_after = 0, 0
        self.asked: list[list[str]] = []
        self.alerts: set[str] = set()

    def register(self, camera_id: int, batch: RecordingBatch) -> RegisteredRecordings:
        if self.fails_before:
            self.fails_before -= 1
            raise ApiError("POST: 503")
        missing = []
        for one in batch.segments:
            path = self.media / recording_key(camera_id, one.start_ms)
            if not path.exists() or path.stat().st_size != one.size_bytes:
                missing.append(one.start_ms)
            else:
                self.rows[one.start_ms] = self.rows.get(one.start_ms, 0) + 1
        self.asked.append([one.event_id for one in batch.clips])
        self.gaps |= {gap.start_ms: gap.end_ms for gap in batch.gaps}
        if self.fails_after:
            self.fails_after -= 1
            raise ApiError("POST: the answer was lost")
        stored = tuple(one.start_ms for one in batch.segments if one.start_ms not in missing)
        clips = tuple(one.event_id for one in batch.clips if one.event_id in self.alerts)
        return RegisteredRecordings(stored=stored, missing=tuple(missing), clips=clips)


@pytest.fixture
def spool(tmp_path: Path) -> RecordingSpool:
    """Three closed segments and a gap of camera 7."""
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "in.mp4", seconds=10), recorder, clocks)
    made = spool_of(recorder)
    made.add_gap(7, RecordingGap(start_ms=1_700_000_000_000, end_ms=1_700_000_009_000, reason="StreamTimeout"))
    return made


def test_segments_are_stored_and_registered(tmp_path: Path, spool: RecordingSpool) -> None:
    index = Index(tmp_path / "media")
    starts = [one.facts.start_ms for one in spool.waiting(7)]
    contents = [one.path.read_bytes() for one in spool.waiting(7)]
    RecordingSender(spool, DirectoryStore(index.media), index.register).send(7)
    assert list(index.rows) == starts
    assert [(index.media / recording_key(7, start)).read_bytes() for start in starts] == contents
    assert index.gaps == {1_700_000_000_000: 1_700_000_009_000}
    assert spool.cameras() == []
    assert not list((tmp_path / "spool").rglob("*.mp4"))
    assert not list(index.media.rglob("*.part"))


@pytest.mark.parametrize("when", ["fails_before", "fails_after"])
def test_a_failed_registration_is_repeated(tmp_path: Path, spool: RecordingSpool, when: str) -> None:
    index = Index(tmp_path / "media")
    setattr(index, when, 1)
    sender = RecordingSender(spool, DirectoryStore(index.media), index.register)
    with pytest.raises(ApiError):
        sender.send(7)
    assert len(spool.waiting(7)) == 3
    sender.send(7)
    assert len(index.rows) == 3
    assert spool.cameras() == []


def test_a_file_that_a_sweep_has_deleted_is_stored_again(tmp_path: Path, spool: RecordingSpool) -> None:
    index = Index(tmp_path / "media")
    index.fails_before = 1
    sender = RecordingSender(spool, DirectoryStore(index.media), index.register)
    with pytest.raises(ApiError):
        sender.send(7)
    for path in index.media.rglob("*.mp4"):
        path.unlink()
    sender.send(7)
    assert len(index.rows) == 3


def test_the_wrong_folder_is_named_and_nothing_is_lost(tmp_path: Path, spool: RecordingSpool) -> None:
    index = Index(tmp_path / "media")
    with pytest.raises(StoreError, match="does VIGIL_RECORDING_DIR name its MEDIA_DIR"):
        RecordingSender(spool, DirectoryStore(tmp_path / "elsewhere"), index.register).send(7)
    assert len(spool.waiting(7)) == 3


def test_nothing_is_written_in_the_place_of_a_volume_that_is_away(tmp_path: Path, spool: RecordingSpool) -> None:
    index = Index(tmp_path / "media")
    sender = RecordingSender(spool, DirectoryStore(index.media), index.register)
    index.media.rmdir()
    for _ in range(2):  # also after a restart
        with pytest.raises(StoreError, match="VIGIL_RECORDING_DIR: No such file or directory"):
            sender.send(7)
        assert not index.media.exists()
        restarted = RecordingSpool(tmp_path / "spool", lambda: 10**9)
        assert not restarted.is_new
        store = DirectoryStore(index.media, may_create=restarted.is_new)
        sender = RecordingSender(spool, store, index.register)
    index.media.mkdir()
    sender.send(7)
    assert len(index.rows) == 3
    assert spool.cameras() == []


def test_no_folder_and_no_bucket_is_said_with_the_remedy(tmp_path: Path, spool: RecordingSpool) -> None:
    store = UploadStore(lambda _camera, _order: Uploads())
    with pytest.raises(StoreError, match=r"set VIGIL_RECORDING_DIR to its MEDIA_DIR, or .*VIGIL_S3_BUCKET"):
        RecordingSender(spool, store, Index(tmp_path).register).send(7)
    assert len(spool.waiting(7)) == 3


def test_an_unwritable_folder_is_named(tmp_path: Path, spool: RecordingSpool) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StoreError, match="VIGIL_RECORDING_DIR: Not a directory"):
        RecordingSender(spool, DirectoryStore(blocked), Index(tmp_path).register).send(7)


def clip_at(start_ms: int, end_ms: int, event_id: str = "event-0001") -> RecordedClip:
    return RecordedClip(event_id=event_id, start_ms=start_ms, end_ms=end_ms)


def waiting_clips(spool: RecordingSpool) -> list[str]:
    return [one.event_id for one in spool.clips(7, 4_000_000_000_000)]


def test_clips_are_registered_with_the_segment_that_completes_them(
    tmp_path: Path, spool: RecordingSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index(tmp_path / "media")
    segments = [one.segment for one in spool.waiting(7)]
    monkeypatch.setattr("cctv.recording.spool.time.time", lambda: segments[0].start_ms / 1000)
    spool.add_clip(7, clip_at(segments[0].start_ms, segments[-1].end_ms))
    spool.add_clip(7, clip_at(segments[0].start_ms, segments[-1].end_ms + 5000, "event-0002"))
    index.alerts = {"event-0001", "event-0002"}
    assert not spool.is_clip_registered(7, "event-0001")
    RecordingSender(spool, DirectoryStore(index.media), index.register).send(7)
    assert index.asked == [["event-0001"]], "the second one is not complete"
    assert spool.is_clip_registered(7, "event-0001")
    assert not spool.is_clip_registered(7, "event-0002")
    assert waiting_clips(spool) == ["event-0002"]


def test_a_clip_is_asked_for_until_the_api_has_it_also_after_a_restart(
    tmp_path: Path, spool: RecordingSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index(tmp_path / "media")
    segments = [one.segment for one in spool.waiting(7)]
    monkeypatch.setattr("cctv.recording.spool.time.time", lambda: segments[0].start_ms / 1000)
    spool.add_clip(7, clip_at(segments[0].start_ms, segments[-1].end_ms))
    index.fails_after = 1
    with pytest.raises(ApiError):
        RecordingSender(spool, DirectoryStore(index.media), index.register).send(7)
    restarted = RecordingSpool(tmp_path / "spool", lambda: 10**9)
    assert waiting_clips(restarted) == ["event-0001"]
    index.alerts = {"event-0001"}
    RecordingSender(restarted, DirectoryStore(index.media), index.register).send(7)
    assert index.asked == [["event-0001"], ["event-0001"]]
    assert waiting_clips(RecordingSpool(tmp_path / "spool", lambda: 10**9)) == []


def test_a_clip_of_an_alert_that_never_comes_is_forgotten(
    tmp_path: Path, spool: RecordingSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = spool.waiting(7)[0].facts.start_ms
    spool.add_clip(7, clip_at(start, start + 9000))
    hour_later = start / 1000 + 3600
    monkeypatch.setattr("cctv.recording.spool.time.time", lambda: hour_later)
    assert len(spool.clips(7, start + 10_000)) == 1
    monkeypatch.setattr("cctv.recording.spool.time.time", lambda: hour_later + 10)
    assert spool.clips(7, start + 10_000) == []
    assert not spool.is_clip_registered(7, "event-0001")


def test_a_full_disk_leaves_the_clip_to_this_process(
    tmp_path: Path, spool: RecordingSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cctv.recording.spool._replace_text", fail)
    spool.add_clip(7, clip_at(int(time.time() * 1000), int(time.time() * 1000) + 9000))
    assert waiting_clips(spool) == ["event-0001"]
