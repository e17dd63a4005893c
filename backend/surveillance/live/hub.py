"""Distribute live frames by camera: in memory to viewers of this process, through Redis to those of others.

Only each camera's newest frame is kept, for as long as it can serve as a snapshot. A viewer has space for one frame:
a slow viewer gets the newest one and delays no other.

A frame names the privacy masks with which it was taken (`masks_digest`). No viewer gets a frame of other masks than
those that the camera has in the database: requests bring them, and `Demand` reads them again every two seconds.
"""

import asyncio
import os
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from surveillance.live.demand import Demand
from vigil_contracts.masks_digest import LENGTH

if TYPE_CHECKING:
    from surveillance.live.exchange import Exchange

SNAPSHOT_SECONDS = 1.0
_HEADER = struct.Struct(f"!d16s{LENGTH}s")


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A JPEG.

    `taken_at`: Unix time of the detector's clock; `came_at`: this process's monotonic time; `masks`: `masks_digest`
    of the privacy masks that are black in it.
    """

    jpeg: bytes
    taken_at: float
    came_at: float
    masks: str = ""


@dataclass(eq=False, slots=True)
class Viewer:
    """A viewer of one camera."""

    camera_id: int
    _newest: LiveFrame | None = None
    _has_come: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, picture: LiveFrame) -> None:
        """Store the frame, replacing one that was not taken."""
        self._newest = picture
        self._has_come.set()

    def drop_other(self, masks: str) -> None:
        """Drop the frame that was not taken, if it was taken with other privacy masks."""
        if self._newest is not None and self._newest.masks != masks:
            self._newest = None

    async def take(self) -> LiveFrame:
        """Wait for a new frame and return the newest."""
        while self._newest is None:
            self._has_come.clear()
            await self._has_come.wait()
        picture, self._newest = self._newest, None
        return picture


class Hub:
    """One per process, used by its event loop only. `redis_url` empty: there are no other processes."""

    def __init__(self, redis_url: str, demand: Demand) -> None:
        self._own_id = b""
        self._exchange = _exchange(redis_url, self._take) if redis_url else None
        self._demand = demand
        demand.on_masks = self.expect
        self._masks: dict[int, str] = {}
        self._viewers: dict[int, set[Viewer]] = defaultdict(set)
        self._newest: dict[int, LiveFrame] = {}
        self._listeners: dict[int, asyncio.Task[None]] = {}

    @property
    def _id(self) -> bytes:
        """Return this process's id; created late, since workers are forked after the import."""
        self._own_id = self._own_id or os.urandom(16)
        return self._own_id

    async def publish(self, camera_id: int, jpeg: bytes, taken_at: float, masks: str = "") -> None:
        """Deliver a frame to all viewers of the camera. `masks`: those with which it was taken."""
        self._deliver(camera_id, LiveFrame(jpeg, taken_at, time.monotonic(), masks))
        if self._exchange is not None:
            header = _HEADER.pack(taken_at, self._id, masks.encode())
            await self._exchange.publish(camera_id, header + jpeg)

    def newest(self, camera_id: int, masks: str = "") -> LiveFrame | None:
        """Return the newest frame if it is recent enough for a snapshot, and was taken with the camera's masks."""
        picture = self._newest.get(camera_id)
        if picture is None or picture.masks != masks or time.monotonic() - picture.came_at >= SNAPSHOT_SECONDS:
            return None
        return picture

    def expect(self, masks: Mapping[int, str]) -> None:
        """Deliver only frames that were taken with these privacy masks of cameras with viewers."""
        for camera_id in masks.keys() & self._viewers.keys():
            self._masks[camera_id] = masks[camera_id]
            for viewer in self._viewers[camera_id]:
                viewer.drop_other(masks[camera_id])

    def enter(self, camera_id: int, masks: str = "") -> Viewer:
        """Add a viewer of the camera, which has these masks; release it with `leave`."""
        viewer = Viewer(camera_id)
        viewers = self._viewers[camera_id]
        viewers.add(viewer)
        self.expect({camera_id: masks})
        self._demand.add(camera_id)
        if self._exchange is not None and camera_id not in self._listeners:
            self._listeners[camera_id] = asyncio.create_task(self._exchange.listen(camera_id))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer. Without viewers the demand expires."""
        viewers = self._viewers[viewer.camera_id]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[viewer.camera_id]
            del self._masks[viewer.camera_id]
            self._demand.drop(viewer.camera_id)
            listener = self._listeners.pop(viewer.camera_id, None)
            if listener is not None:
                listener.cancel()

    def _deliver(self, camera_id: int, picture: LiveFrame) -> None:
        if picture.masks == self._masks.get(camera_id):
            for viewer in self._viewers.get(camera_id, ()):
                viewer.offer(picture)
        now = time.monotonic()
        self._newest = {known: kept for known, kept in self._newest.items() if now - kept.came_at < SNAPSHOT_SECONDS}
        self._newest[camera_id] = picture

    def _take(self, camera_id: int, data: bytes) -> None:
        """Deliver a frame that arrived at another process."""
        taken_at, origin, masks = _HEADER.unpack_from(data)
        if origin != self._id:
            jpeg, known = data[_HEADER.size :], masks.rstrip(b"\0").decode("ascii", "replace")
            self._deliver(camera_id, LiveFrame(jpeg, taken_at, time.monotonic(), known))


def _exchange(redis_url: str, on_message: Callable[[int, bytes], None]) -> "Exchange":
    # Here, since importing the client takes a tenth of the time of a start, and one process needs none.
    from surveillance.live.exchange import Exchange

    return Exchange(redis_url, on_message)
