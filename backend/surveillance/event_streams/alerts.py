"""The alert stream of one viewer."""

import random
import time
from asyncio import wait_for
from functools import partial

from surveillance.event_streams.broadcaster import Broadcaster, Subscription
from surveillance.event_streams.events import Viewer, backlog
from surveillance.event_streams.handoff import KEEP_ALIVE_SECONDS, MAX_AGE_SECONDS, Stream


def as_text(viewer: Viewer) -> str:
    """Return the viewer as text, for the hand-over."""
    last = "" if viewer.last_event_id is None else str(viewer.last_event_id)
    return f"{viewer.user_id}:{int(viewer.is_superuser)}:{last}"


def _viewer(value: str) -> Viewer:
    user_id, is_superuser, last = value.split(":")
    return Viewer(int(user_id), is_superuser == "1", int(last) if last else None)


class AlertStreams:
    """Writes alert streams; one database reader serves them all."""

    def __init__(self) -> None:
        self._broadcaster: Broadcaster | None = None

    async def __call__(self, stream: Stream) -> None:
        if self._broadcaster is None:
            self._broadcaster = Broadcaster()
        await stream.start()
        await stream.write(b"retry: 2000\n\n")
        subscription = await self._broadcaster.subscribe(_viewer(stream.value))
        try:
            await _events(self._broadcaster, subscription, stream)
        finally:
            self._broadcaster.unsubscribe(subscription)


async def _events(broadcaster: Broadcaster, subscription: Subscription, stream: Stream) -> None:
    # Random, so that viewers do not all reconnect at the same time.
    ends_at = time.monotonic() + MAX_AGE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 no secret
    after = subscription.viewer.last_event_id
    while after is not None and after < subscription.position:
        missed = await broadcaster.in_thread(
            partial(backlog, subscription.viewer, after=after, until=subscription.position)
        )
        for event in missed:
            await stream.write(event.content)
        after = missed[-1].alert_id if missed else None
    while time.monotonic() < ends_at and not subscription.is_behind:
        try:
            event = await wait_for(subscription.queue.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            await stream.write(b": still here\n\n")
        else:
            await stream.write(event.content)
