"""A real PostgreSQL for the tests: Debian's, in a temporary directory, on a free port of the loopback interface.

    def test_something(database_url: str): ...      # an empty database of this test's own
    def test_restart(postgres: PostgresServer): postgres.kill(); postgres.start()

It never runs as root: started by root, it runs as `postgres` or `nobody`. For speed, data is not synced to disk; a
killed server still recovers, since the kernel keeps written data.
"""

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from tests.cluster.polling import eventually
from tests.cluster.processes import ServerProcess, free_ports, group_lives
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.requirements import skip_without

_VERSIONS = Path("/usr/lib/postgresql")
_HASTY = ("-c", "fsync=off", "-c", "full_page_writes=off")
_OPTIONS = (
    *("-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "timezone=UTC"),
    *("-c", "jit=off", "-c", "log_min_messages=warning", "-c", "unix_socket_directories="),
)


class PostgresServer(Service):
    """One server. `kill` ends it as a power cut would; `start` brings it back on the same port."""

    ready_timeout_seconds = 60

    def __init__(
        self, binaries: Path, directory: Path, reaper: Reaper, *, is_durable: bool = False, port: int | None = None
    ) -> None:
        self.port = port or free_ports(1)[0]
        self._binaries = binaries
        self._directory = directory
        self._as_user = as_unprivileged_user(directory)
        self._initialise()
        command: list[str | Path] = [
            *self._as_user,
            binaries / "postgres",
            "-D",
            self._data,
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        options = _OPTIONS if is_durable else (*_HASTY, *_OPTIONS)
        self.process = ServerProcess("postgres", [*command, *options], directory / "postgres.log", reaper)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def stop(self) -> None:
        """Shut it down and close connections (SIGINT: PostgreSQL's fast shutdown does not wait for clients)."""
        self.process.stop(timeout_seconds=20)

    def kill(self) -> None:
        """End it and its children with SIGKILL; return when all have ended.

        Each child has its own session and holds the shared memory a moment longer, during which a new server would
        refuse to start.
        """
        if self.process.is_running:
            self.process.freeze()  # so that it starts no further children
            children = _children(self.process.pid)
            self.process.kill()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            eventually(lambda: not any(group_lives(child) for child in children), poll_seconds=0.01)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def create_database(self, name: str | None = None) -> str:
        """Create an empty database, by default with a unique name, and return its URL."""
        name = name or f"test_{secrets.token_hex(6)}"
        with contextlib.closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return f"postgres://vigil@127.0.0.1:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        command = [*self._as_user, str(self._binaries / "initdb"), "-D", str(self._data)]
        command += ["--username=vigil", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            cwd=self._directory,
            timeout=120,
        )


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def find_binaries() -> Path | None:
    """Return the program directory of the newest PostgreSQL, or None."""
    found = sorted(_VERSIONS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def postgres_server(*, is_durable: bool = False, port: int | None = None) -> Iterator[PostgresServer]:
    """Run a server with temporary data. `is_durable`: sync to disk at each commit, as in production.

    Pass `port` only in a network namespace of the test's own.
    """
    binaries = find_binaries()
    if binaries is None:
        skip_without("PostgreSQL", "postgresql")
    with (
        server_home("postgres") as (directory, reaper),
        running(PostgresServer(binaries, directory, reaper, is_durable=is_durable, port=port)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    """An empty PostgreSQL database of the test's own."""
    return postgres.create_database()


def as_unprivileged_user(directory: Path) -> list[str]:
    """Return a command prefix that drops root; `directory` then belongs to that user."""
    if os.geteuid() != 0:
        return []
    names = [name for name in ("postgres", "nobody") if _exists(name)]
    account = pwd.getpwnam(names[0])
    os.chown(directory, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
