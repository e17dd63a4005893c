"""What a viewer gets: pictures one after the other (MJPEG), or the newest one."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.contrib.auth.models import User
from django.db import close_old_connections
from django.utils import timezone

from surveillance.live.hub import Hub, Picture
from surveillance.selectors.cameras import cameras_visible_to
from surveillance.stream.handoff import Stream
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope

CHECK_SECONDS = 15.0
"""How long a viewer whose right was taken away may go on looking."""
SNAPSHOT_PATIENCE_SECONDS = 5.0
NO_PICTURE = "No picture has come from the camera's detector. Its health says why."
Take = Callable[[], Awaitable[Picture]]
Right = Callable[[], bool]
_threads = ThreadPoolExecutor(1, thread_name_prefix="live-rights")


def may_look(camera_id: int, user_id: int, token: str) -> bool:
    """Whether it is still so; reads the database, in this thread."""
    close_old_connections()
    try:
        user = User.objects.filter(pk=user_id, is_active=True).first()
        if user is None:
            return False
        if token:
            known = AuthToken.objects.filter(public_id=token).first()
            if known is None or (known.expiry is not None and known.expiry <= timezone.now()):
                return False
        mine = cameras_visible_to(user=user, scope=Scope.USER)
        return mine.filter(pk=camera_id, is_active=True).exists()
    finally:
        close_old_connections()


class LiveStreams:
    """Writes multipart/x-mixed-replace: each part takes the place of the one before it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, stream: Stream) -> None:
        camera, user, token, pause, boundary = stream.value.split(":")
        right = partial(may_look, int(camera), int(user), token)
        await stream.start()
        # A browser shows a part when the next boundary has come: each part ends with it.
        await stream.write(f"--{boundary}\r\n".encode())
        viewer = self._hub.enter(int(camera))
        try:
            await self._write(stream, viewer.take, right, float(pause), boundary)
        finally:
            self._hub.leave(viewer)

    async def _write(self, stream: Stream, take: Take, right: Right, pause_seconds: float, boundary: str) -> None:
        checked_at = time.monotonic()
        while True:
            try:
                picture = await asyncio.wait_for(take(), CHECK_SECONDS)
            except TimeoutError:
                picture = None
            if time.monotonic() - checked_at >= CHECK_SECONDS:
                checked_at = time.monotonic()
                if not await asyncio.get_running_loop().run_in_executor(_threads, right):
                    return
            if picture is not None:
                written_at = time.monotonic()
                await stream.write(part(picture, boundary))
                # A tenth less: pictures that come at the very rate asked for are all shown.
                await asyncio.sleep(max(0.0, written_at + 0.9 * pause_seconds - time.monotonic()))


class Snapshots:
    """Writes the newest picture, asking for one where nobody looks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, stream: Stream) -> None:
        camera_id = int(stream.value.split(":")[0])
        picture = self._hub.newest(camera_id) or await self._next(camera_id)
        if picture is None:
            body = json.dumps({"detail": NO_PICTURE}).encode()
            await stream.start(503, content_type="application/json", content_length=str(len(body)), retry_after="2")
            await stream.write(body)
            return
        length = str(len(picture.jpeg))
        await stream.start(content_length=length, x_timestamp=f"{picture.taken_at:.3f}")
        await stream.write(picture.jpeg)

    async def _next(self, camera_id: int) -> Picture | None:
        viewer = self._hub.enter(camera_id)
        try:
            return await asyncio.wait_for(viewer.take(), SNAPSHOT_PATIENCE_SECONDS)
        except TimeoutError:
            return None
        finally:
            self._hub.leave(viewer)


def part(picture: Picture, boundary: str) -> bytes:
    """One part of the answer (RFC 2046, section 5.1), up to the boundary of the next."""
    size, time_taken = len(picture.jpeg), f"{picture.taken_at:.3f}"
    head = f"Content-Type: image/jpeg\r\nContent-Length: {size}\r\nX-Timestamp: {time_taken}\r\n\r\n"
    return head.encode() + picture.jpeg + f"\r\n--{boundary}\r\n".encode()
