from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from vigil_operator.core.observed import Key
from vigil_operator.kube.queue import FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, PRESSING_TO_OTHERS, WorkQueue

A, B = Key("n", "a"), Key("n", "b")


def run(scenario: Callable[[WorkQueue], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(scenario(WorkQueue()), timeout=5)

    asyncio.run(main())


def test_camera_is_queued_once() -> None:
    async def scenario(queue: WorkQueue) -> None:
        for key in (A, A, B, A):
            queue.add(key)
        assert [await queue.get(), await queue.get()] == [A, B]
        assert len(queue) == 0

    run(scenario)


def test_no_two_workers_get_one_camera() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add(A)
        assert await queue.get() == A
        queue.add(A)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), timeout=0.05)
        queue.done(A)
        assert await queue.get() == A

    run(scenario)


def test_cameras_without_a_detector_have_priority_without_starvation() -> None:
    async def main() -> None:
        queue = WorkQueue(lambda key: key.name.startswith("new"))
        new, old = (
            [Key("n", f"new-{number}") for number in range(20)],
            [Key("n", f"old-{number}") for number in (1, 2)],
        )
        for key in (*old, *new):
            queue.add(key)
        order = [await queue.get() for _ in range(len(queue))]
        assert [order.index(key) for key in old] == [PRESSING_TO_OTHERS - 1, 2 * PRESSING_TO_OTHERS - 1]
        assert [key for key in order if key in new] == new

    asyncio.run(main())


def test_failures_back_off_up_to_a_limit() -> None:
    async def scenario(queue: WorkQueue) -> None:
        waits = []
        for _ in range(12):
            waits.append(queue.retry(A))
            queue.add(A)
            await queue.get()
            queue.done(A)
        assert FIRST_BACKOFF_SECONDS <= waits[0] <= 1.5 * FIRST_BACKOFF_SECONDS
        assert waits[4] > waits[0]
        assert MAX_BACKOFF_SECONDS <= waits[-1] <= 1.5 * MAX_BACKOFF_SECONDS
        queue.succeeded(A)
        assert queue.retry(A) <= 1.5 * FIRST_BACKOFF_SECONDS

    run(scenario)


def test_retry_after_extends_the_back_off() -> None:
    async def scenario(queue: WorkQueue) -> None:
        assert queue.retry(A, at_least_seconds=10.0) >= 10.0

    run(scenario)


def test_timer_queues_the_camera_again() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add_after(A, 60)
        queue.add_after(A, 0.01)
        assert await queue.get() == A

    run(scenario)
