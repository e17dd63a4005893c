"""Connections to PostgreSQL outlive a request, without leaking state to the next one."""

import os
from collections.abc import Iterator
from typing import Any

import dj_database_url
import pytest
from django.db import IntegrityError
from django.db.utils import ConnectionHandler
from tests.cluster.polling import eventually
from tests.integration.services.postgres import PostgresServer

from surveillance_backend.postgresql_pool import base
from surveillance_backend.postgresql_pool.base import IDLE_CONNECTIONS


@pytest.fixture(autouse=True)
def _databases_are_allowed(django_db_blocker: Any) -> Iterator[None]:
    """Allow the tests' own databases, which pytest-django does not know."""
    with django_db_blocker.unblock():
        yield


def _handler(url: str) -> Any:
    return ConnectionHandler(
        {"default": {**dj_database_url.parse(url), "ENGINE": "surveillance_backend.postgresql_pool"}}
    )


@pytest.fixture
def connection(database_url: str) -> Iterator[Any]:
    """Django's connection of this thread."""
    made = _handler(database_url)["default"]
    yield made
    made.close()
    made.close_pool()


def _ask(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _server_process(connection: Any) -> int:
    return int(_ask(connection, "SELECT pg_backend_pid()"))


def test_next_request_reuses_the_connection(connection: Any) -> None:
    first = _server_process(connection)
    connection.close()

    assert connection.connection is None
    assert _server_process(connection) == first


@pytest.mark.parametrize(
    ("trusted_seconds", "last_statement"), [(10.0, "SELECT pg_backend_pid()"), (0.0, "SELECT 1")]
)
def test_server_is_asked_only_if_the_connection_was_idle(
    connection: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, trusted_seconds: float, last_statement: str
) -> None:
    monkeypatch.setattr(base, "TRUSTED_SECONDS", trusted_seconds)
    process, watcher = _server_process(connection), _handler(database_url)["default"]
    watcher.ensure_connection()
    connection.close()
    connection.ensure_connection()

    assert _ask(watcher, f"SELECT query FROM pg_stat_activity WHERE pid = {process}") == last_statement
    watcher.close()


def test_concurrent_requests_use_two_connections(connection: Any, database_url: str) -> None:
    other = _handler(database_url)["default"]

    assert _server_process(connection) != _server_process(other)
    other.close()


def test_open_transaction_of_a_request_is_rolled_back(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE thing (id integer PRIMARY KEY)")
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
    process = connection.connection.info.backend_pid
    connection.close()

    assert _ask(connection, "SELECT count(*) FROM thing") == 0
    assert _server_process(connection) == process
    assert connection.get_autocommit()


def test_failed_transaction_does_not_affect_later_ones(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE thing (id integer PRIMARY KEY)")
        cursor.execute("INSERT INTO thing VALUES (1)")
    connection.set_autocommit(False)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
    connection.close()

    assert _ask(connection, "SELECT count(*) FROM thing") == 1


def test_connection_is_reopened_after_a_server_restart(connection: Any, postgres: PostgresServer) -> None:
    first = _server_process(connection)
    connection.close()
    postgres.kill()
    postgres.start()

    assert _server_process(connection) != first


def test_connection_that_the_server_ended_is_reopened(connection: Any, database_url: str) -> None:
    first, administrator = _server_process(connection), _handler(database_url)["default"]
    administrator.ensure_connection()  # before the other becomes idle, which it would get
    connection.close()
    assert _ask(administrator, f"SELECT pg_terminate_backend({first}, 5000)")

    assert _server_process(connection) != first
    administrator.close()


def test_forked_process_has_its_own_connections(connection: Any) -> None:
    first = _server_process(connection)
    connection.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(_server_process(connection)).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert int(os.read(reading, 20)) != first
    assert _server_process(connection) == first
    os.close(reading)
    os.close(writing)


def test_number_of_idle_connections_is_limited(database_url: str) -> None:
    used = [_handler(database_url)["default"] for _ in range(IDLE_CONNECTIONS + 3)]
    for each in used:
        each.ensure_connection()
    for each in used:
        each.close()

    watcher = used[0]
    kept = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    eventually(lambda: _ask(watcher, kept) <= IDLE_CONNECTIONS)  # the server detects it some time after the client
    watcher.close()
    watcher.close_pool()
