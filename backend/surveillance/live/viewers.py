"""Responses for viewers: a stream of frames (MJPEG), or the newest frame."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from surveillance.event_streams.handoff import Stream
from surveillance.live.hub import Hub, LiveFrame

SNAPSHOT_PATIENCE_SECONDS = 5.0
NO_PICTURE = "No frame has arrived from the camera's detector. Its health shows the reason."
Take = Callable[[], Awaitable[LiveFrame]]


class LiveStreams:
    """Writes multipart/x-mixed-replace: each part replaces the one before it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, stream: Stream) -> None:
        camera, pause, boundary, masks = stream.value.split(":")
        await stream.start()
        # Browsers display a part when its closing boundary arrives, so each part includes it.
        await stream.write(f"--{boundary}\r\n".encode())
        viewer = self._hub.enter(int(camera), masks)
        try:
            await _write(stream, viewer.take, float(pause), boundary)
        finally:
            self._hub.leave(viewer)


async def _write(stream: Stream, take: Take, pause_seconds: float, boundary: str) -> None:
    while True:
        picture = await take()
        written_at = time.monotonic()
        await stream.write(part(picture, boundary))
        # Subtract a tenth, so that frames arriving at exactly the requested rate all pass.
        await asyncio.sleep(max(0.0, written_at + 0.9 * pause_seconds - time.monotonic()))


class Snapshots:
    """Writes the newest frame, and requests one if the camera has no viewer."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, stream: Stream) -> None:
        camera, masks = stream.value.split(":")
        picture = self._hub.newest(int(camera), masks) or await self._next(int(camera), masks)
        if picture is None:
            body = json.dumps({"detail": NO_PICTURE}).encode()
            await stream.start(503, content_type="application/json", content_length=str(len(body)), retry_after="2")
            await stream.write(body)
            return
        length = str(len(picture.jpeg))
        await stream.start(content_length=length, x_timestamp=f"{picture.taken_at:.3f}")
        await stream.write(picture.jpeg)

    async def _next(self, camera_id: int, masks: str) -> LiveFrame | None:
        viewer = self._hub.enter(camera_id, masks)
        try:
            async with asyncio.timeout(SNAPSHOT_PATIENCE_SECONDS):
                while (picture := await viewer.take()).masks != masks:
                    pass  # masks that were read before this request have delivered it
                return picture
        except TimeoutError:
            return None
        finally:
            self._hub.leave(viewer)


def part(picture: LiveFrame, boundary: str) -> bytes:
    """Return one part of the response (RFC 2046, section 5.1), including the next boundary."""
    size, time_taken = len(picture.jpeg), f"{picture.taken_at:.3f}"
    head = f"Content-Type: image/jpeg\r\nContent-Length: {size}\r\nX-Timestamp: {time_taken}\r\n\r\n"
    return head.encode() + picture.jpeg + f"\r\n--{boundary}\r\n".encode()
