"""Django's PostgreSQL engine with a connection pool.

Under ASGI a request runs in any free thread, so Django's `CONN_MAX_AGE` cannot be used, and a new connection per
request would take longer than the request. Django's pool requires psycopg 3. Pool libraries for psycopg2 share
connections with processes that are forked later (workers of gunicorn and Celery); here each process has its own.
"""

import os
import select
import time
from queue import Empty, Full, LifoQueue
from typing import Any

import psycopg2
from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_UNKNOWN

IDLE_CONNECTIONS = 16
"""Maximum number of idle connections per process."""
TRUSTED_SECONDS = 10.0
"""A connection that was used within this time works if its socket is silent: a server that ends closes it. After a
longer time the server is asked, since a firewall may have forgotten the connection."""

_pools: dict[tuple[int, str], "LifoQueue[Any]"] = {}


def _pool(dsn: str) -> "LifoQueue[Any]":
    """Return this process's idle connections to one database, the last used on top."""
    return _pools.setdefault((os.getpid(), dsn), LifoQueue(IDLE_CONNECTIONS))


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module's docstring."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return an idle connection that still works, or a new one."""
        self._key = repr(sorted(conn_params.items()))
        while True:
            try:
                connection, used_at = _pool(self._key).get_nowait()
            except Empty:
                return super().get_new_connection(conn_params)
            if _works(connection, idle_seconds=time.monotonic() - used_at):
                return connection

    def close_pool(self) -> None:
        """Close the idle connections; Django calls this before it drops a test database."""
        idle = _pool(repr(sorted(self.get_connection_params().items())))
        while True:
            try:
                connection, _ = idle.get_nowait()
                connection.close()
            except Empty:
                return

    def _close(self) -> None:
        """Return the connection to the pool; Django calls this at the end of a request or after a failure."""
        connection = self.connection
        if connection is None:
            return
        try:
            if connection.closed or connection.get_transaction_status() == TRANSACTION_STATUS_UNKNOWN:
                connection.close()
                return
            if connection.get_transaction_status() != TRANSACTION_STATUS_IDLE:
                connection.rollback()
            connection.autocommit = True
            _pool(self._key).put_nowait((connection, time.monotonic()))
        except (Full, psycopg2.Error):
            connection.close()


def _works(connection: Any, *, idle_seconds: float) -> bool:
    """Return whether the server answers: it may have been restarted."""
    try:
        if idle_seconds < TRUSTED_SECONDS and not _has_input(connection):
            return True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        connection.close()
        return False
    return True


def _has_input(connection: Any) -> bool:
    """Return whether the server has sent something, or has closed the connection."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))
