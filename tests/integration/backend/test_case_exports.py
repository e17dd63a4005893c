"""Exports of cases by real processes: ten minutes of video, a killed backend, and a bucket."""

import io
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.polling import eventually
from tests.integration.backend.test_ingest import PICTURE, Scene, make_scene
from tests.integration.services.backend import backend_server
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording
from tests.integration.services.process_usage import spent_by
from tests.integration.services.s3 import S3Server

from vigil_apps.evidence.core.keys import new_key
from vigil_contracts.api_client import ApiClient

pytestmark = pytest.mark.timeout(400)
BEGIN = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTES = 10
_AS_AFTER_A_MINUTE = """
from datetime import timedelta
from django.utils import timezone
from vigil_apps.evidence.models import CaseExport
print(CaseExport.objects.get().state)
CaseExport.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
"""


def new_case(client: httpx.Client, item: dict[str, object]) -> str:
    """Create a case with the item; return its URL."""
    case = client.post("/api/cases/", json={"title": "Break-in"}).json()["id"]
    assert client.post(f"/api/cases/{case}/items/", json=item).status_code == 201
    return f"/api/cases/{case}/"


def new_export(client: httpx.Client, case: str) -> str:
    """Request an export; return its URL."""
    answer = client.post(f"{case}exports/")
    assert answer.status_code == 201, answer.text
    return f"{case}exports/{answer.json()['id']}/"


def is_in(client: httpx.Client, export: str, state: str) -> Callable[[], Any]:
    """Return what returns the export once it is in that state, and None before."""

    def shown() -> Any:
        found = client.get(export).json()
        return found if found["state"] == state else None

    return shown


def test_ten_minutes_are_exported_in_ten_seconds_and_survive_a_killed_backend(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=25.6, options={"b": "1M", "minrate": "1M"})
    environment = {"VIGIL_EVIDENCE_KEY": new_key()}
    with backend_server(tmp_path / "backend", environment=environment) as backend:
        scene = make_scene(backend)
        with backend.client(scene.token) as client:
            begin = BEGIN.timestamp()
            make_recording(client, backend.media, scene.camera_id, clip, begin=begin, seconds=60.0 * MINUTES)
        end = BEGIN + timedelta(minutes=MINUTES)
        period = {"camera": scene.camera_id, "start": BEGIN.isoformat(), "end": end.isoformat()}
        with backend.client(scene.user_token) as client:
            case = new_case(client, period)
            begun, before = time.monotonic(), spent_by(backend.pid)
            first = new_export(client, case)
            size_bytes = eventually(is_in(client, first, "done"), poll_seconds=0.02)["size_bytes"]
            assert time.monotonic() - begun < 10
            spent = spent_by(backend.pid) - before
            assert size_bytes > 50_000_000
            assert spent.read_bytes < 1.2 * size_bytes, "each recorded file is read once"
            assert spent.written_bytes < 1.2 * size_bytes, "and written once"
            assert client.delete(first).status_code == 204
            second = new_export(client, case)
            eventually(is_in(client, second, "running"), poll_seconds=0.005)
            backend.kill()
        assert "running" in backend.manage("shell", "--command", _AS_AFTER_A_MINUTE)
        backend.start()
        with backend.client(scene.user_token) as client:
            eventually(is_in(client, second, "done"), 60)
            packed = zipfile.ZipFile(io.BytesIO(client.get(f"{second}archive.zip").content))
        assert packed.testzip() is None
        kept = [path.name for path in (backend.media / "exports").rglob("*") if path.is_file()]
        assert len(kept) == 1, "nothing is left of the killed process"


def test_the_archive_is_in_the_bucket_and_linked(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    environment = {**s3.environment(bucket), "VIGIL_EVIDENCE_KEY": new_key()}
    with backend_server(tmp_path / "backend", environment=environment) as backend:
        scene: Scene = make_scene(backend)
        with ApiClient(backend.url, scene.token) as sender:
            sender.send_alert(scene.submission("event-0001"), PICTURE)
        (alert,) = backend.alerts(scene.user_token)
        with backend.client(scene.user_token) as client:
            export = new_export(client, new_case(client, {"alert": alert["id"]}))
            eventually(is_in(client, export, "done"))
            answer = client.get(f"{export}archive.zip", follow_redirects=False)
            assert answer.status_code == 302
            linked = httpx.get(answer.headers["location"])
            assert linked.headers["content-disposition"].startswith("attachment; filename=")
            names = [Path(name).name for name in zipfile.ZipFile(io.BytesIO(linked.content)).namelist()]
            assert f"alert-{alert['id']}.jpg" in names
            assert [key for key in s3.keys(bucket) if key.startswith("exports/")]
            assert client.delete(export).status_code == 204
        assert not [key for key in s3.keys(bucket) if key.startswith("exports/")]
