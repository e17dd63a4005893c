"""A real Redis for the tests: Debian's, without persistence, on a free port of the loopback interface.

def test_something(redis: RedisServer): ...           # an empty one, the session's
redis.kill(); redis.start()                            # kill -9; it comes back empty
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.requirements import skip_without


class RedisServer(Service):
    """One server. `kill` ends it as a power cut would; `start` brings it back on the same port, empty."""

    def __init__(self, directory: Path, reaper: Reaper, port: int | None = None) -> None:
        self.port = port or free_ports(1)[0]
        command = [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        ]
        self.process = ServerProcess("redis", command, directory / "redis.log", reaper)

    @property
    def url(self) -> str:
        """Return the URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Delete all data."""
        with self.client() as client:
            client.flushall()

    def client(self) -> Redis:
        """Return a client; the caller closes it."""
        return Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=5)

    def is_ready(self) -> bool:
        """Return whether it answers a PING."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False


@contextlib.contextmanager
def redis_server(port: int | None = None) -> Iterator[RedisServer]:
    """Run a server with temporary data. Pass `port` only in a network namespace of the test's own."""
    if shutil.which("redis-server") is None:
        skip_without("Redis", "redis-server")
    with server_home("redis") as (directory, reaper), running(RedisServer(directory, reaper, port)) as server:
        yield server


@pytest.fixture(scope="session")
def _session_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(_session_redis: RedisServer) -> RedisServer:
    """The session's Redis, emptied and running, even if the previous test has stopped it."""
    if not _session_redis.process.is_running:
        _session_redis.start()
    _session_redis.empty()
    return _session_redis
