"""The life cycle that the server programs of the tests share: start, wait until ready, stop or kill, start again.

class RedisServer(Service):
    def __init__(self, …): self.process = ServerProcess("redis", command, log, reaper)
    def is_ready(self) -> bool: …

with running(RedisServer(…)) as server: ...
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, TypeVar

from tests.cluster.processes import ServerProcess


class Service(ABC):
    """One server program. `start` may be called again after `stop` or `kill`: the server keeps its port."""

    ready_timeout_seconds: ClassVar[float] = 30
    process: ServerProcess
    """Set by the subclass; it ends by its own process id, also if the test run is killed."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server answers requests."""

    def start(self) -> None:
        """Start the server and wait until it is ready. Raises `ProcessFailedError` with the end of its log."""
        self.process.start()
        self.process.wait_until(self.is_ready, self.ready_timeout_seconds)

    def stop(self) -> None:
        """Ask the server to end (SIGTERM) and wait for it."""
        self.process.stop()

    def kill(self) -> None:
        """End the server at once (SIGKILL); does nothing if it is not running."""
        self.process.kill()


ServiceT = TypeVar("ServiceT", bound=Service)


@contextmanager
def running(service: ServiceT) -> Iterator[ServiceT]:
    """Start the service, and kill it afterwards if the test has not ended it."""
    service.start()
    try:
        yield service
    finally:
        service.kill()
