"""What docs/backup.md tells to copy and to restore is everything: rows, pictures, keys, tokens."""

import io
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.postgres import PostgresServer

PAGE = Path(__file__).parents[3] / "docs" / "backup.md"
STREAM = "rtsp://viewer:Pa55@camera.example:554/stream"


@dataclass(frozen=True)
class Kept:
    """What must be there again."""

    user: BackendUser
    pipeline: str
    camera_id: int
    picture: bytes


def commands(section: str, *, database: str) -> str:
    """The one block of the page's section that works on that kind of database."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert text is not None, section
    mark = "pg_" if database == "postgresql" else "sqlite3"
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", text[1], re.DOTALL) if mark in block]
    return str(block)


def run(block: str, backup: Path, data: Path, database_url: str) -> None:
    """The commands, with the variables that the page names."""
    environment = {
        "PATH": os.environ["PATH"],
        "BACKUP": str(backup),
        "DATABASE_URL": database_url,
        "VIGIL_DATA_DIR": str(data),
        "VIGIL_MEDIA_DIR": str(data / "media"),
    }
    done = subprocess.run(
        ["bash", "-euc", block], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def filled(backend: BackendServer) -> Kept:
    """An alert with a picture, of a camera with a password."""
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
    """A small picture."""
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 60)).save(stream, "JPEG")
    return stream.getvalue()


def picture_of(backend: BackendServer, user: BackendUser) -> bytes:
    """The one alert's picture, as the API gives it."""
    (alert,) = backend.alerts(user.token)
    with backend.client(user.token) as client:
        return client.get(alert["image"]).raise_for_status().content


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_what_is_restored_is_what_was_there(database: str, tmp_path: Path, postgres: PostgresServer) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()

    def url() -> str:
        return postgres.create_database() if database == "postgresql" else ""

    lost_url = url()
    with backend_server(tmp_path / "lost", database_url=lost_url) as lost:
        kept = filled(lost)
        run(commands("Back up", database=database), backup, lost.directory, lost_url)
    (root,) = (backup / "media").iterdir()
    younger = root / "younger.jpg"
    younger.write_bytes(b"written after the copy of the database")
    os.utime(younger, (time.time() - 7200,) * 2)

    keys = {"VIGIL_CREDENTIAL_KEYS": lost.environment["VIGIL_CREDENTIAL_KEYS"]}
    directory = tmp_path / "restored"
    directory.mkdir()
    restored_url = url()

    run(commands("Restore", database=database), backup, directory, restored_url)
    with backend_server(directory, database_url=restored_url, environment=keys, is_migrated=True) as restored:
        assert picture_of(restored, kept.user) == kept.picture, "the user's token is good as well"
        with restored.client(kept.pipeline) as client:
            (camera,) = client.get("/api/active-cameras/").raise_for_status().json()
        assert camera["rtsp_url"] == STREAM, "the keys read what they wrote"
        swept = json.loads(restored.manage("sweep_pictures", "--dry-run", "--output", "json"))
        assert [orphan["key"] for orphan in swept["orphans"]] == [f"{root.name}/younger.jpg"]
