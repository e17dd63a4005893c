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
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Forgets everything."""
        with self.client() as client:
            client.flushall()

    def client(self) -> Redis:
        """A client; close it."""
        return Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=5)

    def is_ready(self) -> bool:
        """Whether it answers a PING."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False


@contextlib.contextmanager
def redis_server(port: int | None = None) -> Iterator[RedisServer]:
    """A running server; its data go with it. Pass `port` only in a network namespace of the test's own."""
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
    """The session's Redis, emptied; running, whatever the test before has done to it."""
    if not _session_redis.process.is_running:
        _session_redis.start()
    _session_redis.empty()
    return _session_redis
