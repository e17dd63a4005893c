"""The real backend as a process: migrated, under gunicorn, on a free port.

    with backend_server(tmp_path, database_url=url) as backend:
        user = backend.create_user("anna")
        client = backend.client(user.token)           # httpx, with the token
        pipeline = backend.token("anna", "pipeline")
        backend.kill()                                 # kill -9
        backend.start()                                # again, on the same port, with the same data

Without a `database_url` it runs on SQLite in `directory`.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from cryptography.fernet import Fernet
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.services import backend_commands
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.migrated import migrated_sqlite, postgres_template

APPLICATION = "surveillance_backend.asgi:application"


@dataclass(frozen=True, slots=True)
class BackendUser:
    """A user with a token."""

    username: str
    password: str
    token: str


class BackendServer(Service):
    """One backend. `start` waits until `/readyz` returns 200; `kill` ends gunicorn and its workers."""

    ready_timeout_seconds = 120

    def __init__(
        self,
        directory: Path,
        reaper: Reaper,
        *,
        database_url: str = "",
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        application: str = APPLICATION,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self.directory = directory
        self.log = directory / "backend.log"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "surveillance_backend.settings",
            "VIGIL_SECRET_KEY": secrets.token_urlsafe(50),
            "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
            "VIGIL_DATA_DIR": str(directory),
            "VIGIL_INSECURE_HTTP": "1",
            "VIGIL_CAMERA_ALLOW_LOOPBACK": "1",
            "VIGIL_MEDIA_MAX_USED_PERCENT": "100",  # or a full disk of this machine would delete recordings
            "VIGIL_RATE_PER_CAMERA": "",  # tests send many requests; limits are tested separately
            "VIGIL_RATE_PER_TOKEN": "",
            "VIGIL_RATE_PER_ADDRESS": "",
            **({"DATABASE_URL": database_url} if database_url else {}),
            **(environment or {}),
        }
        command = [
            *(sys.executable, "-m", "gunicorn", application),
            *("--config", "python:surveillance_backend.gunicorn_conf"),
            *("--bind", f"127.0.0.1:{self.port}"),
        ]
        # As in the chart: several workers also share their metrics, which costs time in each request.
        environment_of_server = {**self.environment, "WEB_CONCURRENCY": str(workers)}
        self.process = ServerProcess("backend", command, self.log, reaper, environment=environment_of_server)

    @property
    def url(self) -> str:
        """Return the base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Return the process id of gunicorn, whose children are the workers."""
        return self.process.pid

    @property
    def media(self) -> Path:
        """Directory of the images."""
        return self.directory / "media"

    @property
    def runs_this_code(self) -> bool:
        """Return whether it runs the code of the tests, not that of another version."""
        return self.environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")

    def pictures(self) -> list[Path]:
        """Return every file in the storage."""
        return sorted(path for path in self.media.rglob("*") if path.is_file())

    def is_ready(self) -> bool:
        """Return whether `/readyz` returns 200."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, verify=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def manage(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a management command on the same data and return its output."""
        finished = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    def create_user(self, username: str, *, is_superuser: bool = False) -> BackendUser:
        """Create a user with a random password and a token of scope `user`."""
        password = secrets.token_urlsafe(12)
        options = ["--superuser"] if is_superuser else []
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(password)
            file.flush()
            self._command("ensure_user", "--username", username, "--password-file", file.name, *options)
        return BackendUser(username, password, self.token(username, "user"))

    def token(self, username: str, scope: str) -> str:
        """Return a token for the user: scope `user`, `pipeline` or `operator`."""
        return self._command("create_token", "--user", username, "--scope", scope, "--name", "test")

    def _command(self, *arguments: str) -> str:
        """Run a command that needs only the database: in this process unless the server runs other code."""
        if not (self.runs_this_code and backend_commands.can_run_here()):
            return self.manage(*arguments)
        directory = Path(self.environment["VIGIL_DATA_DIR"])
        return backend_commands.run_here(self.environment.get("DATABASE_URL", ""), directory, *arguments)

    def client(self, token: str = "", **options: Any) -> httpx.Client:
        """Return an HTTP client with the token; the caller closes it."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=False, **options)

    def alerts(self, token: str) -> list[dict[str, Any]]:
        """Return all alerts that the token can view, newest first."""
        found: list[dict[str, Any]] = []
        path: str | None = "/api/alerts/?page_size=500"
        with self.client(token) as client:
            while path is not None:
                page = client.get(path).json()
                found += page["results"]
                path = page["next"]
        return found

    def add_camera(self, token: str, *, name: str, rtsp_url: str, is_active: bool = True, **fields: Any) -> int:
        """Add a camera through the API and return its id."""
        with self.client(token) as client:
            body = {"name": name, "rtsp_url": rtsp_url, "is_active": is_active, **fields}
            answer = client.post("/api/cameras/", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return int(answer.json()["id"])


@contextlib.contextmanager
def backend_server(
    directory: Path,
    *,
    database_url: str = "",
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    application: str = APPLICATION,
    is_migrated: bool = False,
) -> Iterator[BackendServer]:
    """Run a migrated backend; it is stopped afterwards and its data stay in `directory`."""
    reaper = Reaper()
    try:
        backend = BackendServer(
            directory,
            reaper,
            database_url=database_url,
            workers=workers,
            environment=environment,
            application=application,
        )
        if not is_migrated:
            migrate(backend, database_url)
        with running(backend):
            yield backend
            backend.stop()
    finally:
        reaper.close()


def migrate(backend: BackendServer, database_url: str) -> None:
    """Migrate the database; an empty one becomes a copy of a migrated one, unless the backend runs other code."""
    copied = backend.runs_this_code and (_copied_postgres(database_url) if database_url else _copied_sqlite(backend))
    if not copied:
        backend.manage("migrate", "--verbosity=0")


def _copied_postgres(database_url: str) -> bool:
    server, _, name = database_url.rpartition("/")
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        is_empty = cursor.fetchone() == (0,)
    template = postgres_template(server) if is_empty else None
    if template is None:
        return False
    with contextlib.closing(psycopg2.connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return True


def _copied_sqlite(backend: BackendServer) -> bool:
    database = Path(backend.environment["VIGIL_DATA_DIR"]) / "vigil.sqlite3"
    if "DATABASE_URL" in backend.environment or database.exists():
        return False
    shutil.copyfile(migrated_sqlite(), database)
    return True


@pytest.fixture
def backend(tmp_path: Path, database_url: str) -> Iterator[BackendServer]:
    """The backend on PostgreSQL, with two workers."""
    with backend_server(tmp_path / "backend", database_url=database_url, workers=2) as server:
        yield server
