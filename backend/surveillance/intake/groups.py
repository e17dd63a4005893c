"""Process waiting items in groups. An item never waits for others: a group is what arrived in the meantime."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

LANES = 2
"""Concurrent groups: while one waits for the disk, the other uses the processor."""
LARGEST = 16

Item = TypeVar("Item")
Result = TypeVar("Result")


class Groups(Generic[Item, Result]):
    """Calls `work` with the waiting items in a thread; it returns one result per item, in their order."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._lanes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(LANES, thread_name_prefix="intake")

    async def result(self, item: Item) -> Result:
        """Return the result of the item. Raises what `work` raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._lanes < LANES:
            self._lanes += 1
            task = asyncio.create_task(self._lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _lane(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
                try:
                    results = await loop.run_in_executor(self._threads, self._work, [item for item, _ in group])
                except Exception as error:  # noqa: BLE001 the waiting caller gets the error
                    for _, future in group:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)
        finally:
            self._lanes -= 1
