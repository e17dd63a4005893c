"""Dynamic batching: images of many cameras that wait for the same model run together.

One thread hands batches to the model. As long as the model is busy, images collect in the queue; so batches grow with
the load by themselves, and `max_wait_seconds` only matters while the model is idle.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from cctv.common.frame import Frame
from cctv.detectors.model import BatchModel, Detections, Model
from cctv.serving.fair_queue import FairQueue, QueueFullError
from cctv.serving.metrics import ModelMetrics

log = logging.getLogger(__name__)

BATCHES_UNDER_WAY = 2
"""One runs while the next is prepared. More would wait where neither turns nor deadlines are respected."""


class DeadlineExceededError(Exception):
    """An image has waited for too long, so its result would be of no use."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """Limits of a model's queue."""

    max_batch: int
    max_wait_seconds: float
    deadline_seconds: float
    """Images that have waited longer are not run any more."""
    queue_limit: int
    sender_limit: int


@dataclass(slots=True)
class _Job:
    frame: Frame
    arrived_at: float
    future: Future[Detections] = field(default_factory=Future)


class Batcher:
    """The queue of one model. `close` answers what waits and ends the thread; the model stays the caller's."""

    def __init__(
        self,
        name: str,
        model: Model,
        options: BatchOptions,
        metrics: ModelMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._options, self._metrics, self._monotonic = model, options, metrics, monotonic
        self._queue: FairQueue[_Job] = FairQueue(options.queue_limit, options.sender_limit)
        self._oldest_at = 0.0
        self._under_way: dict[int, float] = {}
        """By job: since when the model has had it."""
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name=f"batches of {name}", daemon=True)
        self._thread.start()

    def submit(self, frames: Sequence[Frame], sender: str) -> list[Future[Detections]]:
        """Queue all images of a request, or none. Raises `QueueFullError`.

        `DeadlineExceededError` comes out of the futures, as do the model's errors.
        """
        now = self._monotonic()
        jobs = [_Job(frame, now) for frame in frames]
        with self._changed:
            if self._is_closing:
                raise QueueFullError("the server is ending")
            if not len(self._queue):
                self._oldest_at = now
            self._queue.put(sender, jobs)
            self._metrics.queued.set(len(self._queue))
            self._changed.notify_all()
        return [job.future for job in jobs]

    def seconds_under_way(self) -> float:
        """Return for how long the model has worked on its oldest image; 0.0 while it is idle."""
        with self._changed:
            return self._monotonic() - min(self._under_way.values()) if self._under_way else 0.0

    def close(self) -> None:
        """Run what waits, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout=30)

    def _serve(self) -> None:
        while batch := self._next_batch():
            timely = self._without_late(batch)
            if timely:
                self._run(timely)

    def _next_batch(self) -> list[_Job]:
        """Wait for images and return them, at most `max_batch`; none: the queue is closed."""
        options = self._options
        with self._changed:
            self._changed.wait_for(lambda: (self._has_room() and len(self._queue)) or self._may_end())
            until = self._oldest_at + options.max_wait_seconds
            while 0 < len(self._queue) < options.max_batch and not self._is_closing:
                if (left := until - self._monotonic()) <= 0:
                    break
                self._changed.wait(left)
            batch = [self._queue.get() for _ in range(min(options.max_batch, len(self._queue)))]
            self._metrics.queued.set(len(self._queue))
            self._oldest_at = self._monotonic()
            return batch

    def _has_room(self) -> bool:
        return len(self._under_way) < BATCHES_UNDER_WAY * self._options.max_batch

    def _may_end(self) -> bool:
        return self._is_closing and not len(self._queue)

    def _without_late(self, batch: Sequence[_Job]) -> list[_Job]:
        """Return the jobs that are still of use; the others fail."""
        now, timely = self._monotonic(), []
        for job in batch:
            waited = now - job.arrived_at
            self._metrics.queue_seconds.observe(waited)
            if waited <= self._options.deadline_seconds:
                timely.append(job)
            else:
                job.future.set_exception(
                    DeadlineExceededError(f"the image waited {waited:.1f} s for the model; too many cameras for it")
                )
        return timely

    def _run(self, batch: Sequence[_Job]) -> None:
        now = self._monotonic()
        with self._changed:
            self._under_way.update((id(job), now) for job in batch)
        self._metrics.batch_size.observe(len(batch))
        try:
            answers = self._submit([job.frame for job in batch])
        except Exception as error:  # noqa: BLE001 - each waiting request must get it, and the thread go on
            for job in batch:
                self._finish(job, now, error, None)
            return
        for job, answer in zip(batch, answers, strict=True):
            answer.add_done_callback(partial(self._on_answer, job, now))

    def _submit(self, frames: Sequence[Frame]) -> Sequence[Future[Detections]]:
        if isinstance(self._model, BatchModel):
            return self._model.submit_batch(frames)
        return [self._model.submit(frame) for frame in frames]

    def _on_answer(self, job: _Job, began: float, answer: Future[Detections]) -> None:
        error = answer.exception()
        self._finish(job, began, error, None if error else answer.result())

    def _finish(self, job: _Job, began: float, error: BaseException | None, found: Detections | None) -> None:
        self._metrics.inference_seconds.observe(self._monotonic() - began)
        with self._changed:
            self._under_way.pop(id(job), None)
            self._changed.notify_all()
        if found is not None:
            job.future.set_result(found)
        else:
            job.future.set_exception(error or RuntimeError("no answer"))
