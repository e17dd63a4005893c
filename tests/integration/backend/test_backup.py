"""The backup of docs/backup.md is complete: rows, images, keys, tokens."""

import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.integration.docs.blocks import block, runs
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.postgres import PostgresServer

STREAM = "rtsp://viewer:Pa55@camera.example:554/stream"


@dataclass(frozen=True)
class Kept:
    """The data that must be restored."""

    user: BackendUser
    pipeline: str
    camera_id: int
    picture: bytes


def run(name: str, backup: Path, data: Path, database_url: str) -> None:
    """Run the page's block, with its variables set to the test's folders."""
    by_database = {"DATABASE_URL": database_url, "VIGIL_MEDIA_DIR": str(data / "media")} if database_url else {}
    environment = {
        "BACKUP": str(backup),
        "KEYS": str(backup.parent / "keys"),
        "VIGIL_DATA_DIR": str(data),
        "VIGIL_CREDENTIAL_KEYS_FILE": str(keys_file(data)),
        **by_database,
    }
    block(name).run(cwd=data, environment=environment, timeout_seconds=60)


def keys_file(data: Path) -> Path:
    """Return the file of `make run` with the credential keys."""
    return data / "secrets" / "credential-keys"


def filled(backend: BackendServer) -> Kept:
    """Create an alert with an image for a camera with a password."""
    user = backend.create_user("anna")
    pipeline = backend.token("anna", "pipeline")
    camera_id = backend.add_camera(user.token, name="Gate", rtsp_url=STREAM)
    fields = {"event_id": "e" * 16, "camera": str(camera_id), "alert_type": "person", "confidence": "0.9"}
    parts = {name: (None, value) for name, value in (*fields.items(), ("timestamp", "2026-11-25T20:00:00Z"))}
    with backend.client(pipeline) as client:
        answer = client.post("/api/send-alert/", files={**parts, "image": ("a.jpg", jpeg(), "image/jpeg")})
        assert answer.status_code == 201, answer.text
    return Kept(user, pipeline, camera_id, picture_of(backend, user))


def jpeg() -> bytes:
    """Return a small image."""
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 60)).save(stream, "JPEG")
    return stream.getvalue()


def picture_of(backend: BackendServer, user: BackendUser) -> bytes:
    """Return the only alert's image from the API."""
    (alert,) = backend.alerts(user.token)
    with backend.client(user.token) as client:
        return client.get(alert["image"]).raise_for_status().content


@pytest.mark.timeout(300)
@runs("backup.md/Back up/1", "backup.md/Restore/1")
def test_copy_of_one_machine_is_restored(tmp_path: Path) -> None:
    check_restored("backup.md/Back up/1", "backup.md/Restore/1", tmp_path, lambda: "")


@pytest.mark.timeout(300)
@runs("backup.md/Back up/2", "backup.md/Restore/2")
def test_copy_of_postgresql_is_restored(tmp_path: Path, postgres: PostgresServer) -> None:
    check_restored("backup.md/Back up/2", "backup.md/Restore/2", tmp_path, postgres.create_database)


def check_restored(back_up: str, restore: str, tmp_path: Path, create_database: Callable[[], str]) -> None:
    """Fill a backend, copy it, restore the copy elsewhere, and read everything there with the restored keys."""
    backup = tmp_path / "backup"
    lost_url = create_database()
    with backend_server(tmp_path / "lost", database_url=lost_url) as lost:
        kept = filled(lost)
        keys_file(lost.directory).parent.mkdir(exist_ok=True)
        keys_file(lost.directory).write_text(lost.environment["VIGIL_CREDENTIAL_KEYS"])
        run(back_up, backup, lost.directory, lost_url)
    (root,) = (backup / "media").iterdir()
    younger = root / "younger.jpg"
    younger.write_bytes(b"written after the copy of the database")
    os.utime(younger, (time.time() - 7200,) * 2)

    directory = tmp_path / "restored"
    keys_file(directory).parent.mkdir(parents=True)
    restored_url = create_database()

    run(restore, backup, directory, restored_url)
    assert keys_file(directory).stat().st_mode & 0o077 == 0, "nobody else reads the keys"
    keys = {"VIGIL_CREDENTIAL_KEYS": keys_file(directory).read_text()}
    with backend_server(directory, database_url=restored_url, environment=keys, is_migrated=True) as restored:
        assert picture_of(restored, kept.user) == kept.picture, "the user's token is good as well"
        with restored.client(kept.pipeline) as client:
            (camera,) = client.get("/api/active-cameras/").raise_for_status().json()
        assert camera["rtsp_url"] == STREAM, "the keys read what they wrote"
        swept = json.loads(restored.manage("sweep_pictures", "--dry-run", "--output", "json"))
        assert [orphan["key"] for orphan in swept["orphans"]] == [f"{root.name}/younger.jpg"]
