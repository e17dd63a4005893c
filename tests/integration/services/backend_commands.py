"""Run management commands of the backend in the test's own process, which has loaded Django already.

A new process spends two seconds of a core on imports, and each backend of a test needs two or three commands.
"""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
from django.apps import apps
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler

from surveillance_backend.environment import sqlite_database


def can_run_here() -> bool:
    """Return whether this process has loaded Django: benchmarks have not."""
    return apps.ready


def run_here(database_url: str, data_directory: Path, *arguments: str) -> str:
    """Run the command on that database and return what it prints. An empty URL means SQLite in the directory."""
    entry = dict(dj_database_url.parse(database_url)) if database_url else _sqlite(data_directory)
    # A thread has connections of its own: those of the test stay as they are. It also has no event loop: Django
    # refuses queries in the thread of an open browser.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_run, entry, arguments).result()


def _sqlite(data_directory: Path) -> dict[str, Any]:
    return sqlite_database(data_directory / "vigil.sqlite3")


def _run(entry: dict[str, Any], arguments: tuple[str, ...]) -> str:
    connection = ConnectionHandler({"default": entry})["default"]
    # pytest-django blocks this method, so that tests do not use the configured database by mistake.
    connection.ensure_connection = lambda: None  # type: ignore[method-assign]
    connection.connect()
    connections["default"] = connection
    output = io.StringIO()
    try:
        with _one_iteration():
            call_command(*arguments, stdout=output, stderr=io.StringIO())
    finally:
        connection.close()
    return output.getvalue().strip()


@contextmanager
def _one_iteration() -> Iterator[None]:
    """Hash passwords with one iteration instead of a million, which take 0.7 s of a core.

    A server accepts such a hash, and replaces it when the user signs in.
    """
    usual = PBKDF2PasswordHasher.iterations
    PBKDF2PasswordHasher.iterations = 1
    try:
        yield
    finally:
        PBKDF2PasswordHasher.iterations = usual
