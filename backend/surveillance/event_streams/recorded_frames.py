"""Answer with a frame of a recording once a detector has decoded it, without holding a thread meanwhile."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import close_old_connections
from django.utils import timezone

from surveillance.event_streams.handoff import Stream
from surveillance.models import DetectorTask, TaskState
from surveillance.services.detector_tasks import NOT_FINISHED, tasks_expire

CACHE_CONTROL = "private, max-age=600"
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 20.0
"""Decoding takes at most some seconds. A task that nobody claims ends earlier, with its own message."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a task: an image, or why there is none."""

    jpeg: bytes | None
    message: str


def outcome_of(task_id: str) -> Outcome | None:
    """Return how the task has ended; None if it has not."""
    task = DetectorTask.objects.filter(pk=task_id).first()
    if task is None:
        return Outcome(None, NOT_FINISHED)
    tasks_expire(now=timezone.now(), task=task)
    task.refresh_from_db()
    if task.state != TaskState.DONE:
        return None
    return Outcome(
        bytes(task.snapshot) if task.snapshot is not None else None, str((task.result or {}).get("message", ""))
    )


def _read(task_id: str) -> Outcome | None:
    """Read in a thread where no request manages the database connection."""
    close_old_connections()
    try:
        return outcome_of(task_id)
    finally:
        close_old_connections()


class RecordedFrames:
    """Writes the JPEG, or 503 with the reason. The value of a stream is the id of its task."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="recorded-frames")

    async def __call__(self, stream: Stream) -> None:
        outcome = await self._wait(stream.value)
        if outcome.jpeg is None:
            body = json.dumps({"detail": outcome.message or NOT_FINISHED}).encode()
            await stream.start(503, content_type="application/json", content_length=str(len(body)), retry_after="5")
            await stream.write(body)
            return
        await stream.start(content_length=str(len(outcome.jpeg)), cache_control=CACHE_CONTROL)
        await stream.write(outcome.jpeg)

    async def _wait(self, task_id: str) -> Outcome:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            outcome = await asyncio.get_running_loop().run_in_executor(self._executor, _read, task_id)
            if outcome is not None:
                return outcome
            await asyncio.sleep(POLL_SECONDS)
        return Outcome(None, NOT_FINISHED)
