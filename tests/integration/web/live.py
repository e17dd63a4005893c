"""A detector that sends live frames, and fast and slow viewers, for tests of the relay between them."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
from tests.integration.services.backend import BackendServer

from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.detector_tasks import TaskKind

PICTURE_BYTES = 400_000  # so that systems buffer only a few
PICTURES_A_SECOND = 10
JPEG = b"\xff\xd8\xff" + b"\x00" * (PICTURE_BYTES - 3)
"""Frames are relayed unchanged; no program on the way parses them."""


@dataclass
class PodDetector:
    """One camera's detector with that camera's token: waits for a viewer, then sends."""

    url: str
    token: str
    camera_id: int
    sent: list[float] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["PodDetector"]:
        """Run in a separate thread."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            thread.join(40)

    def _run(self) -> None:
        with ApiClient(self.url, self.token) as client:
            for task in client.task_events():
                if task is not None and (task.kind, task.camera) == (TaskKind.LIVE, self.camera_id):
                    break
            while not self.stopped.wait(1 / PICTURES_A_SECOND):
                with suppress(ApiError):
                    taken_at = time.time()
                    client.send_frame(self.camera_id, JPEG, taken_at)
                    self.sent.append(taken_at)


@dataclass(frozen=True)
class Seen:
    """A frame as received by a viewer, with the times of capture and arrival in Unix time."""

    taken_at: float
    came_at: float


def watch(client: httpx.Client, camera_id: int, count: int) -> list[Seen]:
    """Return the next `count` frames of a fast viewer."""
    seen: list[Seen] = []
    rest = b""
    with client, client.stream("GET", f"/api/cameras/{camera_id}/live/") as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            rest = _noted(rest + chunk, seen)
            if len(seen) >= count:
                break
    return seen


def _noted(text: bytes, seen: list[Seen]) -> bytes:
    """Record the frames that begin in `text`; return a possible start of another header."""
    while (found := re.search(rb"X-Timestamp: ([0-9.]+)\r\n\r\n", text)) is not None:
        seen.append(Seen(float(found[1]), time.time()))
        text = text[found.end() :]
    return text[-200:]


@contextmanager
def slow_viewer(backend: BackendServer, token: str, camera_id: int) -> Iterator[socket.socket]:
    """A viewer that requests frames but reads none, with a small receive buffer."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", backend.port))
        head = (
            f"GET /api/cameras/{camera_id}/live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n\r\n"
        )
        connection.sendall(head.encode())
        yield connection


def read_on(connection: socket.socket, *, fresh_seconds: float, timeout_seconds: float = 30) -> list[Seen]:
    """Return what the slow viewer receives when it starts to read, up to the first recent frame."""
    seen: list[Seen] = []
    rest, ends_at = b"", time.monotonic() + timeout_seconds
    connection.settimeout(timeout_seconds)
    while time.monotonic() < ends_at and (chunk := connection.recv(1 << 16)):
        rest = _noted(rest + chunk, seen)
        if seen and seen[-1].came_at - seen[-1].taken_at < fresh_seconds:
            break
    return seen
