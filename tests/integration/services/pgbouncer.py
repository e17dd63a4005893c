"""A real PgBouncer in front of the tests' PostgreSQL, with the configuration that Vigil ships."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.postgres import PostgresServer, as_unprivileged_user
from tests.integration.services.requirements import skip_without

SHIPPED = Path(__file__).parents[3] / "manifests" / "pgbouncer" / "pgbouncer.ini"


def tried(text: str, changes: dict[str, str]) -> str:
    """Return the shipped file with replacements for the test. Fails if the original text is missing."""
    for shipped, changed in changes.items():
        assert shipped in text, f"the shipped file has no line «{shipped}»"
        text = text.replace(shipped, changed)
    return text


class PgBouncer(Service):
    """One PgBouncer; `url` is the database's through it."""

    ready_timeout_seconds = 60

    def __init__(self, program: str, folder: Path, port: int, reaper: Reaper) -> None:
        self.url = f"postgres://vigil@127.0.0.1:{port}/vigil"
        command: list[str | Path] = [*as_unprivileged_user(folder), program, folder / "pgbouncer.ini"]
        self.process = ServerProcess("pgbouncer", command, folder / "pgbouncer.log", reaper)

    def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True


@contextlib.contextmanager
def pgbouncer(postgres: PostgresServer, database: str, *, pool_size: int) -> Iterator[str]:
    """Run PgBouncer with this many server connections; yields the database's URL through it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        skip_without("PgBouncer", "pgbouncer")
    with server_home("pgbouncer") as (folder, reaper):
        (port,) = free_ports(1)
        _configure(folder, postgres, database, port, pool_size)
        with running(PgBouncer(program, folder, port, reaper)) as server:
            yield server.url


def _configure(folder: Path, postgres: PostgresServer, database: str, port: int, pool_size: int) -> None:
    (folder / "userlist.txt").write_text('"vigil" ""\n')
    changes = {
        "port=5432 dbname=vigil": f"port={postgres.port} dbname={database}",
        "listen_port = 6432": f"listen_port = {port}",
        "auth_type = scram-sha-256": "auth_type = trust",
        "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
        "default_pool_size = 20": f"default_pool_size = {pool_size}",
    }
    (folder / "pgbouncer.ini").write_text(tried(SHIPPED.read_text(), changes))
    (folder / "pgbouncer.ini").chmod(0o644)
