"""Images and clips in a real S3-compatible server: stored, linked with expiry, swept, and an S3 outage."""

import contextlib
import io
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import pytest
from django.core.files.storage import storages
from django.utils import timezone
from pytest_django import Settings
from tests.cluster.polling import eventually
from tests.integration.backend.test_ingest import PICTURE, Scene, make_scene
from tests.integration.services.backend import backend_server
from tests.integration.services.made_clips import make_clip
from tests.integration.services.s3 import S3Server
from tests.unit.detector.recording.recorded import BEGIN, Clocks, play, recorder_on, spool_of

from cctv.delivery.recordings import RecordingSender, StoreError, UploadStore
from surveillance import bucket_storage, images
from surveillance.bucket_storage import BucketStorage
from vigil_apps.recordings.services import _is_stored, upload_urls
from vigil_contracts.alert import ClipSubmission
from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.recording import (
    RecordedClip,
    RecordingBatch,
    RegisteredRecordings,
    Upload,
    UploadOrder,
    Uploads,
    recording_key,
)

pytestmark = pytest.mark.timeout(400)


def _send(scene: Scene, event_id: str) -> None:
    with ApiClient(scene.backend.url, scene.token) as client:
        client.send_alert(scene.submission(event_id), PICTURE)


def test_images_and_clips_are_only_in_s3(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    clip = make_clip(tmp_path / "clip.mp4", seconds=1).read_bytes()
    environment = {**s3.environment(bucket), "VIGIL_S3_LINK_SECONDS": "8"}
    with backend_server(tmp_path / "backend", environment=environment) as backend:
        scene = make_scene(backend)
        _send(scene, "event-0001")
        submission = scene.submission("event-0001")
        with ApiClient(backend.url, scene.token) as client:
            assert client.send_clip(
                ClipSubmission(
                    event_id=submission.event_id,
                    camera=scene.camera_id,
                    started_at=submission.timestamp,
                    duration_seconds=1.0,
                ),
                clip,
            )
        assert backend.pictures() == []
        assert len(s3.keys(bucket)) == 2
        (row,) = backend.alerts(scene.user_token)
        with backend.client(scene.user_token) as client:
            picture, film = client.get(row["image"]), client.get(row["clip"])
            page = client.get("/dashboard/login/")
        assert (picture.status_code, film.status_code) == (302, 302)
        assert picture.headers["cache-control"] == "private, max-age=4"
        link = film.headers["location"]
        assert s3.secret_access_key not in link
        origin = f"http://127.0.0.1:{s3.port}"
        assert f"media-src 'self' blob: {origin}" in page.headers["content-security-policy"]
        assert link.startswith(origin)
        # The link needs no token, supports ranges, and gives access only to its file.
        shown = httpx.get(picture.headers["location"])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert shown.headers["content-disposition"] == f'inline; filename="alert-{row["id"]}.jpg"'
        part = httpx.get(link, headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, clip[:10])
        assert part.headers["content-type"] == "video/mp4"
        assert httpx.get(link.replace(urlsplit(link).path, f"/{bucket}/")).status_code == 403
        assert httpx.get(link.partition("?")[0]).status_code in {400, 401, 403}
        time.sleep(9)
        assert httpx.get(link).status_code == 403, "the link has ended"
        with backend.client() as client:
            assert client.get(row["image"]).status_code == 401

        with s3.client() as client:
            client.put_object(Bucket=bucket, Key="alerts/2026/01/01/left.jpg", Body=b"x")
        swept = json.loads(
            backend.manage("sweep_pictures", "--older-than-minutes", "0", "--output", "json", "--dry-run")
        )
        assert swept["files"] == 3
        backend.manage("sweep_pictures", "--older-than-minutes", "0")
        assert len(s3.keys(bucket)) == 2
        with backend.client(scene.user_token) as client:
            assert client.delete(f"/api/cameras/{scene.camera_id}/").status_code == 204
        assert s3.keys(bucket) == []


def test_s3_outage_is_reported_and_recovered_from(s3: S3Server, tmp_path: Path) -> None:
    environment = {**s3.environment(s3.make_bucket()), "VIGIL_S3_LINK_SECONDS": "0"}
    with backend_server(tmp_path / "backend", environment=environment) as backend:
        scene = make_scene(backend)
        _send(scene, "event-0001")
        s3.kill()
        began = time.monotonic()
        with pytest.raises(ApiError) as refused:
            _send(scene, "event-0002")
        assert time.monotonic() - began < 10
        assert (refused.value.status, refused.value.is_permanent) == (503, False)
        assert not backend.is_ready()
        s3.start()
        _send(scene, "event-0002")
        assert backend.is_ready()
        assert scene.stored() == ["event-0001", "event-0002"], "the backend passes them on itself"


@pytest.fixture
def bucket(s3: S3Server, settings: Settings) -> Iterator[str]:
    """Let this process store media in a new bucket; yield its name."""
    bucket = s3.make_bucket()
    options = {
        "bucket_name": bucket,
        "endpoint_url": s3.url,
        "region_name": "us-east-1",
        "location": "site-a",
        "addressing_style": "path",
        "access_key": s3.access_key_id,
        "secret_key": s3.secret_access_key,
    }
    configured = {"BACKEND": "surveillance.bucket_storage.BucketStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": configured}
    yield bucket
    # The backend keeps its client until it ends; here another storage follows, and sockets left open are an error.
    storage = storages["default"]
    assert isinstance(storage, BucketStorage)
    storage.connection.meta.client.close()


def _order(camera_id: int, asked: UploadOrder) -> Uploads:
    urls = upload_urls(camera_id=camera_id, starts_ms=asked.starts_ms)
    return Uploads(uploads=tuple(Upload(start_ms=start, url=url) for start, url in urls.items()))


def test_recordings_wait_in_the_spool_while_the_bucket_is_unreachable(
    s3: S3Server, tmp_path: Path, bucket: str
) -> None:
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "in.mp4", seconds=6), recorder, clocks)
    spool = spool_of(recorder)
    starts = [one.facts.start_ms for one in spool.waiting(7)]
    registered: list[int] = []

    def register(_camera_id: int, batch: RecordingBatch) -> RegisteredRecordings:
        assert all(_is_stored(7, one) for one in batch.segments)
        registered.extend(one.start_ms for one in batch.segments)
        return RegisteredRecordings(stored=tuple(one.start_ms for one in batch.segments))

    with contextlib.closing(UploadStore(_order)) as store:
        sender = RecordingSender(spool, store, register)
        s3.kill()
        with pytest.raises(StoreError, match="could not upload a recording"):
            sender.send(7)
        assert ([one.facts.start_ms for one in spool.waiting(7)], registered) == (starts, [])
        s3.start()
        sender.send(7)
    assert (spool.waiting(7), registered) == ([], starts)
    assert s3.keys(bucket) == [f"site-a/{recording_key(7, start)}" for start in starts]


def test_recordings_reach_the_bucket_by_signed_urls(s3: S3Server, tmp_path: Path, bucket: str) -> None:
    """Their bytes do not pass through the backend; this test needs neither it nor a database."""
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks)
    play(make_clip(tmp_path / "in.mp4", seconds=6), recorder, clocks)
    waiting = spool_of(recorder).waiting(7)
    contents = {recording_key(7, one.facts.start_ms): one.path.read_bytes() for one in waiting}
    assert not any(_is_stored(7, one.segment) for one in waiting)
    with contextlib.closing(UploadStore(_order)) as store:
        store.put(7, waiting)
    assert len(contents) == 2
    assert {key: images.read(key) for key in contents} == contents
    assert {key: images.read_end(key, 100) for key in contents} == {key: one[-100:] for key, one in contents.items()}
    assert {images.read_end(key, 10**8) for key in contents} == set(contents.values()), "of a shorter file, all"
    assert images.read_end(recording_key(7, 1_796_000_000_000 - 1), 100) is None
    assert all(_is_stored(7, one.segment) for one in waiting)
    assert s3.keys(bucket) == [f"site-a/{key}" for key in sorted(contents)]
    assert [file.key for file in images.media_storage().stored_files("recordings")] == sorted(contents)
    other = _order(7, UploadOrder(starts_ms=(waiting[0].facts.start_ms,))).uploads[0].url.replace("/7/", "/8/")
    assert httpx.put(other, content=b"x").status_code == 403, "a URL permits one key only"

    def is_empty() -> bool:
        images.delete_many([*contents])  # a busy server may not answer in time; the sweep tries again, too
        return s3.keys(bucket) == []

    eventually(is_empty, timeout_seconds=60)


def _unfinished(s3: S3Server, bucket: str) -> list[str]:
    with s3.client() as client:
        return [one["Key"] for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


class _FailedError(Exception):
    """What is written turns out to be unusable."""


def _fail_after(content: bytes) -> None:
    with images.writing("exports/1-failed.zip", size_bytes=1) as file:
        file.write(content)
        raise _FailedError


def test_large_files_reach_the_bucket_in_parts_while_they_are_written(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_storage, "_PART_BYTES", 5 << 20)
    content = random.Random(1).randbytes(13 << 20)
    with images.writing("exports/1-large.zip", size_bytes=len(content)) as file:
        for at in range(0, len(content), 1 << 20):
            assert file.write(memoryview(content)[at : at + (1 << 20)]) == 1 << 20
        assert images.read("exports/1-large.zip") is None
        assert _unfinished(s3, bucket) == ["site-a/exports/1-large.zip"]
    assert images.read("exports/1-large.zip") == content
    with images.writing("exports/1-small.zip", size_bytes=3) as file:
        file.write(b"abc")
    assert images.read("exports/1-small.zip") == b"abc"
    with s3.client() as client:
        types = {client.head_object(Bucket=bucket, Key=key)["ContentType"] for key in s3.keys(bucket)}
    assert types == {"application/zip"}
    with pytest.raises(_FailedError):
        _fail_after(content)
    assert _unfinished(s3, bucket) == [], "what failed leaves nothing behind"
    assert len(s3.keys(bucket)) == 2


def test_what_killed_processes_have_uploaded_is_deleted(s3: S3Server, bucket: str) -> None:
    with s3.client() as client:
        for key in (
            "site-a/exports/1-x.zip",
            "site-a/exports/11-x.zip",
            "site-a/exports/2-x.zip",
            "else/exports/1-x",
        ):
            client.create_multipart_upload(Bucket=bucket, Key=key)
    hour = timedelta(hours=1)
    images.drop_unfinished("exports/1-", begun_before=timezone.now() - hour)
    assert len(_unfinished(s3, bucket)) == 4, "another process may still write it"
    images.drop_unfinished("exports/1-", begun_before=timezone.now() + hour)
    assert len(_unfinished(s3, bucket)) == 3
    images.drop_unfinished("exports/", begun_before=timezone.now() + hour, spared=["exports/2-"])
    assert sorted(_unfinished(s3, bucket)) == ["else/exports/1-x", "site-a/exports/2-x.zip"]


def test_a_clip_of_the_recording_is_joined_in_the_bucket(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    environment = {**s3.environment(bucket), "VIGIL_S3_LINK_SECONDS": "60"}
    with backend_server(tmp_path / "backend", environment=environment) as backend:
        scene = make_scene(backend)
        clocks = Clocks()
        recorder = recorder_on(tmp_path / "spool", clocks, camera_id=scene.camera_id)
        play(make_clip(tmp_path / "in.mp4", seconds=12), recorder, clocks)
        with ApiClient(backend.url, scene.token) as client:
            alert = scene.submission("event-0001").model_copy(
                update={"timestamp": datetime.fromtimestamp(BEGIN + 6, UTC)}
            )
            client.send_alert(alert, PICTURE)
            waiting = spool_of(recorder).waiting(scene.camera_id)
            with contextlib.closing(UploadStore(client.recording_uploads)) as store:
                store.put(scene.camera_id, waiting)
            clip = RecordedClip(
                event_id="event-0001", start_ms=round(BEGIN + 1) * 1000, end_ms=round(BEGIN + 11) * 1000
            )
            batch = RecordingBatch(segments=tuple(one.segment for one in waiting), clips=(clip,))
            assert client.register_recordings(scene.camera_id, batch).clips == ("event-0001",)
        stored = s3.keys(bucket)
        (row,) = backend.alerts(scene.user_token)
        with backend.client(scene.user_token) as http:
            links = [http.get(row["clip"]) for _ in range(2)]
        assert [one.status_code for one in links] == [302, 302]
        (made,) = set(s3.keys(bucket)) - set(stored)
        assert made.startswith(f"recorded-clips/{row['id']}-")
        assert made in links[0].headers["location"], "the bucket delivers it"
        film = httpx.get(links[0].headers["location"])
        assert film.headers["content-type"] == "video/mp4"
        with av.open(io.BytesIO(film.content), "r") as file:
            assert len(list(file.decode(video=0))) == pytest.approx(100, abs=2)
        with backend.client(scene.user_token) as http:
            assert http.delete(f"/api/cameras/{scene.camera_id}/").status_code == 204
        assert [key for key in s3.keys(bucket) if not key.startswith("recordings/")] == []


def test_files_move_from_a_directory_to_a_bucket(s3: S3Server, tmp_path: Path) -> None:
    """As in docs/s3.md: copy the files and restart the backend."""
    bucket = s3.make_bucket()
    with backend_server(tmp_path / "directory") as before:
        scene = make_scene(before)
        _send(scene, "event-0001")
        before.stop()
        media = before.directory / "media"
        with s3.client() as client:
            for path in media.rglob("*.jpg"):
                client.upload_file(str(path), bucket, str(path.relative_to(media)))
                path.unlink()
        kept = {name: before.environment[name] for name in ("VIGIL_SECRET_KEY", "VIGIL_CREDENTIAL_KEYS")}
        moved = {**kept, "VIGIL_DATA_DIR": str(before.directory), **s3.environment(bucket)}
        with backend_server(tmp_path / "bucket", environment=moved, is_migrated=True) as after:
            (row,) = after.alerts(scene.user_token)
            with after.client(scene.user_token) as client:
                link = client.get(row["image"]).headers["location"]
            assert httpx.get(link).content.startswith(b"\xff\xd8")
            assert json.loads(after.manage("sweep_pictures", "--output", "json", "--dry-run"))["files"] == 1
