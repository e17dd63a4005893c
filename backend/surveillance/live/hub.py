"""The pictures of this moment, by camera: in memory for the viewers of this process, through Redis for the others'.

Nothing is kept but each camera's newest picture, for the moment in which it may serve as a snapshot. A viewer has
room for one picture: whoever is slow finds the newest one, and makes nobody wait.
"""

import asyncio
import logging
import os
import struct
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

import redis.asyncio
from redis.exceptions import RedisError

from surveillance.live.demand import Demand

logger = logging.getLogger(__name__)

CHANNEL = "vigil:frames:"
SNAPSHOT_SECONDS = 1.0
_HEADER = struct.Struct("!d16s")
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG. `taken_at`: Unix time by the detector's clock; `came_at`: by this process's monotonic one."""

    jpeg: bytes
    taken_at: float
    came_at: float


@dataclass(eq=False, slots=True)
class Viewer:
    """Somebody who looks at a camera."""

    camera_id: int
    _newest: Picture | None = None
    _has_come: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, picture: Picture) -> None:
        """Puts the picture in the place of one that was not taken."""
        self._newest = picture
        self._has_come.set()

    async def take(self) -> Picture:
        """The newest picture, once there is one that was not taken yet."""
        while self._newest is None:
            self._has_come.clear()
            await self._has_come.wait()
        picture, self._newest = self._newest, None
        return picture


class Hub:
    """One of each process; used by its event loop alone. `redis_url` empty: this process is the only one."""

    def __init__(self, redis_url: str, demand: Demand) -> None:
        self._own_id = b""
        self._redis = (
            redis.asyncio.Redis.from_url(redis_url, socket_timeout=2.0, socket_connect_timeout=2.0)
            if redis_url
            else None
        )
        self._demand = demand
        self._viewers: dict[int, set[Viewer]] = defaultdict(set)
        self._newest: dict[int, Picture] = {}
        self._listeners: dict[int, asyncio.Task[None]] = {}
        self._failing = False

    @property
    def _id(self) -> bytes:
        """Which process this is; made late, since workers are forked from one that has imported this."""
        self._own_id = self._own_id or os.urandom(16)
        return self._own_id

    async def publish(self, camera_id: int, jpeg: bytes, taken_at: float) -> None:
        """Gives a picture to all who look at the camera."""
        self._deliver(camera_id, Picture(jpeg, taken_at, time.monotonic()))
        if self._redis is None:
            return
        try:
            await self._redis.publish(f"{CHANNEL}{camera_id}", _HEADER.pack(taken_at, self._id) + jpeg)
            self._failing = False
        except (RedisError, OSError) as error:
            self._complain(error)

    def newest(self, camera_id: int) -> Picture | None:
        """A picture that is young enough to be shown as the newest."""
        picture = self._newest.get(camera_id)
        return picture if picture is not None and time.monotonic() - picture.came_at < SNAPSHOT_SECONDS else None

    def enter(self, camera_id: int) -> Viewer:
        """From now on its pictures are wanted; give the viewer back to `leave`."""
        viewer = Viewer(camera_id)
        viewers = self._viewers[camera_id]
        viewers.add(viewer)
        self._demand.want(camera_id)
        if self._redis is not None and camera_id not in self._listeners:
            self._listeners[camera_id] = asyncio.create_task(self._listen(self._redis, camera_id))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """When nobody is left, the demand lapses by itself."""
        viewers = self._viewers[viewer.camera_id]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[viewer.camera_id]
            self._demand.drop(viewer.camera_id)
            listener = self._listeners.pop(viewer.camera_id, None)
            if listener is not None:
                listener.cancel()

    def _deliver(self, camera_id: int, picture: Picture) -> None:
        for viewer in self._viewers.get(camera_id, ()):
            viewer.offer(picture)
        now = time.monotonic()
        self._newest = {known: kept for known, kept in self._newest.items() if now - kept.came_at < SNAPSHOT_SECONDS}
        self._newest[camera_id] = picture

    async def _listen(self, client: "redis.asyncio.Redis", camera_id: int) -> None:
        """The camera's pictures that came to other processes."""
        while True:
            pubsub = client.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(f"{CHANNEL}{camera_id}")
                while True:
                    message = await pubsub.get_message(timeout=1.0)
                    if message is not None:
                        self._take(camera_id, message["data"])
            except (RedisError, OSError) as error:
                self._complain(error)
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                with suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _take(self, camera_id: int, data: bytes) -> None:
        taken_at, origin = _HEADER.unpack_from(data)
        if origin != self._id:
            self._deliver(camera_id, Picture(data[_HEADER.size :], taken_at, time.monotonic()))

    def _complain(self, error: Exception) -> None:
        if not self._failing:
            logger.warning("live pictures do not reach other processes: %s", type(error).__name__)
        self._failing = True
