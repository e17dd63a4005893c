"""Shared parts of the benchmarks: the database, Vigil's backend and the plain one, and their resource usage."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.services.backend import BackendServer, backend_server

WORKERS = 2
DEFAULT_RATES = {  # production settings, which the tests' backend disables
    "VIGIL_RATE_PER_CAMERA": "1200/minute",
    "VIGIL_RATE_PER_ADDRESS": "60/minute",
}
TICKS = os.sysconf("SC_CLK_TCK")
PLAIN = "tests.bench.backend.plain"


@contextmanager
def vigil(
    folder: Path, database_url: str, *, workers: int = WORKERS, environment: Mapping[str, str] | None = None
) -> Iterator[BackendServer]:
    """Run Vigil's backend with default rate limits."""
    extra = {**DEFAULT_RATES, "VIGIL_LOG_LEVEL": "WARNING", **(environment or {})}
    with backend_server(folder, database_url=database_url, workers=workers, environment=extra) as backend:
        yield backend


class PlainServer:
    """The plain application under gunicorn; `worker` is gunicorn's class of workers."""

    def __init__(self, folder: Path, database_url: str, reaper: Reaper, *, worker: str, workers: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PLAIN_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": f"{PLAIN}.settings",
        }
        self._manage("migrate", "auth", "--verbosity=0")
        self._manage("migrate", "--run-syncdb", "--verbosity=0")
        kind = "wsgi" if worker == "sync" else "asgi"
        command = [
            *(sys.executable, "-m", "gunicorn", f"{PLAIN}.{kind}:application", "--worker-class", worker),
            *("--bind", f"127.0.0.1:{self.port}", "--workers", str(workers), "--preload"),
        ]
        self.process = ServerProcess("plain", command, folder / "plain.log", reaper, environment=self._environment)
        self.process.start()
        self.process.wait_until(self._answers, timeout_seconds=60)

    def add(self, cameras: int) -> tuple[str, list[int]]:
        """Create a user with this many cameras; return the token and the camera ids."""
        code = (
            "from django.contrib.auth.models import User\n"
            "from rest_framework.authtoken.models import Token\n"
            f"from {PLAIN}.models import Camera\n"
            "user = User.objects.create_user('bench')\n"
            f"made = Camera.objects.bulk_create(Camera(user=user, name=str(n)) for n in range({cameras}))\n"
            "print('token', Token.objects.create(user=user).key, *(one.pk for one in made))"
        )
        found = re.search(r"^token (\S+) (.*)$", self._manage("shell", "-c", code), re.MULTILINE)
        assert found is not None
        return found[1], [int(text) for text in found[2].split()]

    def stop(self) -> None:
        """Stop it."""
        self.process.stop()

    def _manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/alerts/", timeout=2).status_code == 401
        except httpx.HTTPError:
            return False


@contextmanager
def plain(folder: Path, database_url: str, *, worker: str, workers: int = WORKERS) -> Iterator[PlainServer]:
    """Run the plain application."""
    reaper = Reaper()
    try:
        server = PlainServer(folder, database_url, reaper, worker=worker, workers=workers)
        yield server
        server.stop()
    finally:
        reaper.close()


@contextmanager
def cursor_of(database_url: str) -> Iterator[Any]:
    """Open a cursor in autocommit mode."""
    with contextlib.closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def add_cameras(database_url: str, user_id: int, count: int, *, url: str, active: bool = True) -> list[int]:
    """Add cameras by SQL, all with the encrypted stream URL `url` of the backend."""
    with cursor_of(database_url) as cursor:
        cursor.execute(
            'INSERT INTO surveillance_camera (user_id, name, "group", rtsp_url, is_active, activated_at, transport,'
            " detection, detector_class_name, managed_by, created_at, updated_at)"
            " SELECT %s, 'Bench ' || n, '', %s, %s, now(), 'tcp', detection, '', 'backend', now(), now()"
            " FROM generate_series(1, %s) n,"
            " (SELECT detection FROM surveillance_camera ORDER BY id LIMIT 1) model RETURNING id",
            (user_id, url, active, count),
        )
        rows = cursor.fetchall()
        cursor.execute("UPDATE surveillance_cameralistversion SET number = number + 1")
    return sorted(row[0] for row in rows)


def user_id_of(database_url: str, username: str) -> int:
    """Return the id of a user."""
    with cursor_of(database_url) as cursor:
        cursor.execute("SELECT id FROM auth_user WHERE username = %s", (username,))
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def stream_url_at_rest(database_url: str) -> str:
    """Return the first camera's stream URL as stored in the database."""
    with cursor_of(database_url) as cursor:
        cursor.execute("SELECT rtsp_url FROM surveillance_camera ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    assert row is not None
    return str(row[0])


def resident_megabytes(pids: list[int]) -> float:
    """Return the memory of the processes; shared memory of forked processes counts once (PSS)."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of the process and its children, including ended ones."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(text) for text in fields[11:15]) / TICKS  # proc(5): utime, stime, cutime, cstime
    return own + sum(cpu_seconds(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    """Return its child processes."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
