"""Django's PostgreSQL engine, which takes connections from a pool and gives them back.

Under ASGI a request runs in whichever thread is free, so Django's own `CONN_MAX_AGE` cannot be used, and a new
connection for each request would cost more than the request. Django's pool is for psycopg 3 only. The libraries that
pool for psycopg2 share connections with processes that are forked later (gunicorn's and Celery's workers): here each
process has its own.
"""

import os
from queue import Empty, Full, LifoQueue
from typing import Any

import psycopg2
from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_UNKNOWN

IDLE_CONNECTIONS = 16
"""A process keeps at most so many that nobody uses."""

_pools: dict[tuple[int, str], "LifoQueue[Any]"] = {}


def _pool(dsn: str) -> "LifoQueue[Any]":
    """The idle connections of this process to one database, the one that was used last on top."""
    return _pools.setdefault((os.getpid(), dsn), LifoQueue(IDLE_CONNECTIONS))


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """An idle connection that still works, or a new one."""
        self._key = repr(sorted(conn_params.items()))
        while True:
            try:
                connection = _pool(self._key).get_nowait()
            except Empty:
                return super().get_new_connection(conn_params)
            if _works(connection):
                return connection

    def close_pool(self) -> None:
        """Closes the idle connections; Django calls it before it drops a test's database."""
        idle = _pool(repr(sorted(self.get_connection_params().items())))
        while True:
            try:
                idle.get_nowait().close()
            except Empty:
                return

    def _close(self) -> None:
        """Django calls it at the end of a request, and when a connection has failed."""
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
            _pool(self._key).put_nowait(connection)
        except (Full, psycopg2.Error):
            connection.close()


def _works(connection: Any) -> bool:
    """Whether the server answers: it may have been restarted meanwhile."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        connection.close()
        return False
    return True
