"""Databases with all migrations applied: made once for this code, kept in the user's cache, and copied.

shutil.copyfile(migrated_sqlite(), path)         # a file
template = postgres_template(server_url)         # the name of a database for CREATE DATABASE … TEMPLATE

The migrations take ten seconds of a core, and each worker needs several databases. After a change of other code, the
database begins as the last one with the same migrations.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from cryptography.fernet import Fernet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from tests.integration.services.kept_inputs import kept
from tests.integration.services.postgres import find_binaries

ROOT = Path(__file__).parents[3]
TEMPLATE = "vigil_migrated"
_SQLITE_FILE, _DUMP_FILE, _MIGRATIONS_FILE = "vigil.sqlite3", "dump.sql", "migrations.txt"


def migrated_sqlite() -> Path:
    """Return a migrated database, to be copied."""
    return kept("migrated-sqlite", _sources(), _make_sqlite) / _SQLITE_FILE


def postgres_template(server_url: str) -> str | None:
    """Return the name of a migrated database on the server, which is created if it is missing.

    Without programs of PostgreSQL on this machine, return None.
    """
    binaries = find_binaries()
    if binaries is None:
        return None
    with contextlib.closing(psycopg2.connect(f"{server_url}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [TEMPLATE])
            if cursor.fetchone() == (1,):
                return TEMPLATE
            make = partial(_make_postgres, binaries, server_url)
            folder = kept("migrated-postgresql", _sources(), make, versions=[str(binaries)])
            part = f"part_{secrets.token_hex(6)}"
            cursor.execute(f"CREATE DATABASE {part}")
            _restore(binaries, folder, f"{server_url}/{part}")
            cursor.execute(f"ALTER DATABASE {part} RENAME TO {TEMPLATE}")
    return TEMPLATE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Let Django's test database begin as a copy of a migrated one. Django then has nothing to migrate."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        connection_created.connect(_fill_memory)
        return
    values = connection.settings_dict
    template = postgres_template(f"postgres://{values['USER']}@{values['HOST']}:{values['PORT']}")
    values["TEST"]["TEMPLATE"] = template


def _fill_memory(connection: BaseDatabaseWrapper, **_: object) -> None:
    connection_created.disconnect(_fill_memory)  # later connections share the memory of the first one
    with contextlib.closing(sqlite3.connect(f"file:{migrated_sqlite()}?immutable=1", uri=True)) as source:
        source.backup(connection.connection)


def _sources() -> list[Path]:
    """Return everything on which the schema and the rows of a new database depend."""
    code = [path for folder in ("backend", "contracts") for path in (ROOT / folder).rglob("*.py")]
    return [ROOT / "locks" / "dev.txt", *sorted(code)]


def _make_sqlite(folder: Path) -> None:
    migrations = _migrations()
    with tempfile.TemporaryDirectory() as data:
        database = Path(data) / _SQLITE_FILE
        if (begin := earlier(folder.parent, migrations)) is not None:
            shutil.copyfile(begin / _SQLITE_FILE, database)
        _migrate("", data)
        shutil.copyfile(database, folder / _SQLITE_FILE)
    _record(folder, migrations)


def _make_postgres(binaries: Path, server_url: str, folder: Path) -> None:
    migrations = _migrations()
    url = f"{server_url}/made_{secrets.token_hex(6)}"
    _run(binaries / "createdb", f"--maintenance-db={server_url}/postgres", url.rpartition("/")[2])
    if (begin := earlier(folder.parent, migrations)) is not None:
        _restore(binaries, begin, url)
    with tempfile.TemporaryDirectory() as data:
        _migrate(url, data)
    _run(binaries / "pg_dump", "--no-owner", f"--file={folder / _DUMP_FILE}", url)
    _record(folder, migrations)


def _restore(binaries: Path, folder: Path, url: str) -> None:
    _run(binaries / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={folder / _DUMP_FILE}", url)


def _migrations() -> set[str]:
    """Return a line with the digest of each file with migrations: ours, and the lock file for those of libraries."""
    files = [ROOT / "locks" / "dev.txt", *(ROOT / "backend").rglob("migrations/*.py")]
    return {f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.relative_to(ROOT)}" for file in files}


def _record(folder: Path, migrations: set[str]) -> None:
    (folder / _MIGRATIONS_FILE).write_text("\n".join(sorted(migrations)))


def earlier(parent: Path, migrations: set[str]) -> Path | None:
    """Return the folder of the kept database with the most of these migrations and no other, if there is one."""
    found = {}
    for record in parent.glob(f"*/{_MIGRATIONS_FILE}"):
        applied = set(record.read_text().splitlines())
        if applied <= migrations:
            found[record.parent] = len(applied)
    return max(found, key=lambda folder: found[folder], default=None)


def _migrate(database_url: str, data: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "surveillance_backend.settings",
        "VIGIL_SECRET_KEY": secrets.token_urlsafe(50),
        "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        "VIGIL_DATA_DIR": data,
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    _run(sys.executable, "-m", "django", "migrate", "--verbosity=0", environment=environment)


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    finished = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert finished.returncode == 0, finished.stderr
