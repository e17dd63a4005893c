"""Upgrade and rollback on PostgreSQL: each version with the schema of the other."""

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from tests.integration.backend.test_ingest import PICTURE, Scene, make_scene
from tests.integration.services.backend import BackendServer, backend_server

from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import CameraPhase, Reason

pytestmark = pytest.mark.timeout(400)
ROOT = Path(__file__).parents[3]
OWN_APPS = sorted(app.label for app in apps.get_app_configs() if app.name.startswith(("surveillance", "vigil_apps.")))
HEARTBEAT = Heartbeat(phase=CameraPhase.STREAMING, reason=Reason.STREAMING)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code before the newest migration was added."""
    added = _git(
        "log", "-1", "--find-renames", "--diff-filter=A", "--format=%H", "--", ":(glob)backend/**/migrations/0*.py"
    )
    before = _git("rev-parse", "--verify", f"{added}^") if added else ""
    if not before:
        pytest.skip("needs the repository's history: there is no commit before the newest migration")
    folder = tmp_path_factory.mktemp("before")
    archive = folder / "before.tar"
    _git("archive", "--format=tar", f"--output={archive}", before, "backend", "contracts")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder


def test_previous_version_serves_on_the_new_schema(version_before: Path, database_url: str, tmp_path: Path) -> None:
    """As in an upgrade: the database is migrated first, then the backends are replaced one by one."""
    path = os.pathsep.join((str(version_before / "backend"), str(version_before / "contracts")))
    with backend_server(tmp_path / "new", database_url=database_url) as new:
        scene = make_scene(new)
        same = {name: new.environment[name] for name in ("VIGIL_SECRET_KEY", "VIGIL_CREDENTIAL_KEYS")}
        shared = {**same, "VIGIL_DATA_DIR": str(new.directory)}
        with backend_server(
            tmp_path / "old", database_url=database_url, environment={**shared, "PYTHONPATH": path}, is_migrated=True
        ) as old:
            where = old.manage("shell", "-v0", "-c", "import surveillance; print(surveillance.__file__)")
            assert str(version_before) in where
            old_camera = old.add_camera(scene.user_token, name="Yard", rtsp_url="rtsp://u:p@camera.example/2")
            for backend in (old, new):
                with ApiClient(backend.url, scene.token) as client:
                    name = backend.directory.name
                    assert client.send_alert(scene.submission(f"event-of-{name}"), PICTURE)
                    assert not client.send_alert(scene.submission(f"event-of-{name}"), PICTURE)
                    client.heartbeat(old_camera, HEARTBEAT)
            for backend in (old, new):
                with backend.client(scene.user_token) as person:
                    listed = person.get("/api/alerts/").json()["results"]
                    assert {row["event_id"] for row in listed} == {"event-of-old", "event-of-new"}
                    done = person.post("/api/alerts/acknowledge/", json={"ids": [row["id"] for row in listed]})
                    assert done.status_code == 200, done.text
                    changed = person.patch(f"/api/cameras/{old_camera}/", json={"name": backend.directory.name})
                    assert changed.status_code == 200, changed.text
                    assert len(person.get("/api/active-cameras/").json()) == 2
            assert scene.stored() == ["event-of-new", "event-of-old"]


@contextmanager
def _one_migration_behind(backend: BackendServer) -> Iterator[list[str]]:
    """Each app without its newest migration, for as long as the context is open; the backend runs meanwhile."""
    loader = MigrationLoader(None)
    former = {
        app: parent[1]
        for app in OWN_APPS
        for leaf in loader.graph.leaf_nodes(app)
        for parent in loader.disk_migrations[leaf].dependencies
        if parent[0] == app
    }
    backend.stop()
    for app, name in former.items():
        backend.manage("migrate", app, name, "--verbosity=0")
    backend.process.start()
    backend.process.wait_until(lambda: _status(backend, "/healthz") == 200, timeout_seconds=60)
    yield [f"{app} {name}" for app, name in former.items()]
    backend.manage("migrate", "--verbosity=0")


def test_new_version_on_the_old_schema_loses_nothing(database_url: str, tmp_path: Path) -> None:
    """A backend started before the migration is not ready, and tells clients to retry."""
    with backend_server(tmp_path / "backend", database_url=database_url) as backend:
        scene = make_scene(backend)
        with _one_migration_behind(backend) as former:
            assert former
            ready = httpx.get(f"{backend.url}/readyz")
            assert (ready.status_code, ready.json()["database"]) == (
                503,
                "migrations are missing: run `manage.py migrate`",
            )
            answered = {event: _send(scene, event) for event in ("event-early-1", "event-early-2")}
            with backend.client(scene.user_token) as person:
                statuses = {
                    "alerts": person.get("/api/alerts/").status_code,
                    "cameras": person.get("/api/cameras/").status_code,
                    "active": person.get("/api/active-cameras/").status_code,
                    "change": person.patch(f"/api/cameras/{scene.camera_id}/", json={"name": "Yard"}).status_code,
                }
        assert set(answered.values()) | set(statuses.values()) <= {200, 201, 503}, (answered, statuses)
        backend.process.wait_until(backend.is_ready, timeout_seconds=30)  # without another start
        assert {_send(scene, event) for event in answered} <= {200, 201}
        assert scene.stored() == sorted(answered)
    assert not re.search(r"Internal Server Error|Traceback", backend.log.read_text())


def _send(scene: Scene, event_id: str) -> int:
    """Return 200 if it was known, 201 if it is new, or the status of a rejection that asks for a retry."""
    try:
        with ApiClient(scene.backend.url, scene.token) as client:
            return 201 if client.send_alert(scene.submission(event_id), PICTURE) else 200
    except ApiError as error:
        return (error.status or 0) if error.retry_after_seconds else 0


def _status(backend: BackendServer, path: str) -> int:
    try:
        return httpx.get(f"{backend.url}{path}", timeout=5, verify=False).status_code
    except httpx.HTTPError:
        return 0
