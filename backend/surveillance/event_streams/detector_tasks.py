"""The stream of detector tasks: the current ones are read for all streams of a process, after each change.

A stream starts with the current tasks and continues with new and repeated ones. No task is lost during a
disconnection: a detector that reconnects receives all that are still valid.
"""

import asyncio
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import close_old_connections
from django.utils import timezone

from surveillance.event_streams.handoff import KEEP_ALIVE_SECONDS, MAX_AGE_SECONDS, Stream
from surveillance.models import DetectorTask, Notice, TaskState
from surveillance.wakeups import DETECTOR_TASKS, poll_seconds
from vigil_contracts.detector_tasks import RESULT_TYPES, TaskEvent, TaskKind

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
PROBER = "prober"
"""The value of a prober's stream. Other streams have their camera's id, or empty: they receive all tasks."""
Key = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Posted:
    """A current task. `number` changes when it is repeated."""

    number: int
    camera_id: int | None
    content: bytes


def current_tasks() -> dict[Key, Posted]:
    """Return the current tasks by their keys."""
    now, found = timezone.now(), dict[Key, Posted]()
    for notice in Notice.objects.filter(expires_at__gt=now):
        left = (notice.expires_at - now).total_seconds() if notice.kind == TaskKind.LIVE else None
        event = TaskEvent(kind=TaskKind(notice.kind), camera=notice.camera_id, seconds=left)
        found[notice.kind, notice.camera_id] = Posted(notice.number, notice.camera_id, _encode(event))
    waiting = DetectorTask.objects.filter(state=TaskState.PENDING).values_list("id", "kind", "camera_id")
    for task_id, kind, camera_id in waiting:
        event = TaskEvent(kind=TaskKind(kind), camera=camera_id, id=task_id)
        found[kind, task_id] = Posted(0, camera_id, _encode(event))
    return found


def _read() -> dict[Key, Posted]:
    """Read the tasks in a thread where no request manages the database connection."""
    close_old_connections()
    try:
        return current_tasks()
    finally:
        close_old_connections()


def _encode(event: TaskEvent) -> bytes:
    # The event name is part of the API, so it keeps the former term.
    return b"event: errand\ndata: %s\n\n" % event.model_dump_json(exclude_none=True).encode()


def can_receive(value: str, kind: TaskKind, camera_id: int | None) -> bool:
    """Return whether a stream with this value may receive a task. A prober receives only those to claim."""
    if value == PROBER:
        return kind in RESULT_TYPES
    return not value or value == str(camera_id)


@dataclass(eq=False, slots=True)
class _Reader:
    """One stream. Unsent tasks are kept once per key, so that a slow reader takes little memory."""

    value: str
    waiting: dict[Key, bytes] = field(default_factory=dict)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, key: Key, posted: Posted) -> None:
        """Queue the task if the reader may receive it."""
        if can_receive(self.value, TaskKind(key[0]), posted.camera_id):
            self.waiting[key] = posted.content
            self.has_news.set()


class TaskStreams:
    """Writes the streams. Reads only while there are any: after a wake-up, and by polling for other processes."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()
        self._new_readers: set[_Reader] = set()
        self._known: dict[Key, Posted] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="detector-tasks")
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, stream: Stream) -> None:
        reader = _Reader(stream.value)
        await stream.start()
        await stream.write(b"retry: 1000\n\n")
        self._readers.add(reader)
        self._new_readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        DETECTOR_TASKS.announce()
        try:
            await _write(reader, stream)
        finally:
            self._readers.discard(reader)
            self._new_readers.discard(reader)

    async def _run(self) -> None:
        with DETECTOR_TASKS.listening() as news:
            while self._readers:
                news.forget()
                read_at = time.monotonic()
                new_readers, self._new_readers = self._new_readers, set()
                try:
                    found = await asyncio.get_running_loop().run_in_executor(self._executor, _read)
                except Exception as error:  # noqa: BLE001 streams survive an unavailable database
                    logger.warning("could not read detector tasks: %s; retrying", type(error).__name__)
                    self._new_readers |= new_readers & self._readers
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                self._offer(found, new_readers)
                await news.wait(poll_seconds(POLL_SECONDS))
                await asyncio.sleep(read_at + POLL_SECONDS - time.monotonic())

    def _offer(self, found: dict[Key, Posted], new_readers: set[_Reader]) -> None:
        """Queue the current tasks for new readers, and new and repeated ones for all others."""
        for key, posted in found.items():
            known = self._known.get(key)
            is_known = known is not None and known.number == posted.number
            for reader in new_readers if is_known else self._readers:
                reader.offer(key, posted)
        self._known = found


async def _write(reader: _Reader, stream: Stream) -> None:
    # Random, so that detectors do not all reconnect at the same time.
    ends_at = time.monotonic() + MAX_AGE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 no secret
    while time.monotonic() < ends_at:
        try:
            await asyncio.wait_for(reader.has_news.wait(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            await stream.write(b": still here\n\n")
            continue
        reader.has_news.clear()
        waiting, reader.waiting = reader.waiting, {}
        await stream.write(b"".join(waiting.values()))
