"""Read new alerts once for all viewers of a process."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from surveillance.core.sequence import PATIENCE_SECONDS, InOrder, Writers
from surveillance.event_streams import events
from surveillance.event_streams.events import Event, Viewer
from surveillance.wakeups import ALERTS, poll_seconds

logger = logging.getLogger(__name__)
T = TypeVar("T")

POLL_SECONDS = 0.3
QUEUE_LENGTH = 500
"""A viewer that falls further behind is disconnected; it reconnects with the id of its last event."""


@dataclass(eq=False, slots=True)
class Subscription:
    """A viewer's events after `position`. `is_behind`: some were dropped, so disconnect."""

    viewer: Viewer
    position: int
    queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    is_behind: bool = False

    def offer(self, event: Event) -> None:
        """Put the event into the queue if the viewer may see it."""
        if not self.viewer.may_see(event):
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.is_behind = True


class Broadcaster:
    """Reads while there are viewers: after a wake-up of this process, and by polling for those of others.

    Polling works on every database, unlike database notifications.
    """

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="alerts-stream")
        self._order: InOrder[Event] | None = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def subscribe(self, viewer: Viewer) -> Subscription:
        """Start a subscription; release it with `unsubscribe`."""
        async with self._starting:
            if self._order is None:
                newest = await self.in_thread(events.newest_id)
                await self._until_done(await self.in_thread(events.writers))
                self._order = InOrder(newest)
            subscription = Subscription(viewer, self._order.position)
            self._subscriptions.add(subscription)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove the viewer."""
        self._subscriptions.discard(subscription)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a database read in one of two threads, however many viewers there are."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def _until_done(self, writing: Writers) -> None:
        """Wait for transactions that may have allocated an id below the newest one seen."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while writing and time.monotonic() < give_up_at:
            await asyncio.sleep(POLL_SECONDS)
            writing &= await self.in_thread(events.writers)

    async def _run(self) -> None:
        with ALERTS.listening() as news:
            while self._subscriptions and self._order is not None:
                news.forget()
                read_at = time.monotonic()
                has_more = await self._deliver(self._order)
                await news.wait(POLL_SECONDS if has_more else poll_seconds(POLL_SECONDS))
                await asyncio.sleep(read_at + POLL_SECONDS - time.monotonic())
        self._order = None

    async def _deliver(self, order: InOrder[Event]) -> bool:
        """Offer the new events to the viewers; return whether more of them may be in the database already."""
        try:
            writing = await self.in_thread(events.writers) if order.has_gap else frozenset()
            found = await self.in_thread(partial(events.events_after, order.position))
            for event in order.take(found, writing=writing, now=time.monotonic()):
                for subscription in self._subscriptions:
                    subscription.offer(event)
            if order.has_gap:
                order.note(await self.in_thread(events.writers))
        except Exception as error:  # noqa: BLE001 streams survive an unavailable database
            logger.warning("could not read new alerts: %s; retrying", type(error).__name__)
            return True
        return bool(found) or order.has_gap
