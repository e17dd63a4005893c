"""Exchange live frames with the other processes of the backend, through Redis."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "vigil:frames:"
_PAUSE_SECONDS = 1.0


class Exchange:
    """Publishes and receives messages by camera. A failure is logged once, and the next message tries again."""

    def __init__(self, redis_url: str, on_message: Callable[[int, bytes], None]) -> None:
        self._redis = Redis.from_url(redis_url, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._on_message = on_message
        self._failing = False

    async def publish(self, camera_id: int, message: bytes) -> None:
        """Send a message of this camera to all processes, this one included."""
        try:
            await self._redis.publish(f"{CHANNEL}{camera_id}", message)
            self._failing = False
        except (RedisError, OSError) as error:
            self._complain(error)

    async def listen(self, camera_id: int) -> None:
        """Receive the camera's messages until this task is cancelled."""
        while True:
            pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(f"{CHANNEL}{camera_id}")
                while True:
                    message = await pubsub.get_message(timeout=1.0)
                    if message is not None:
                        self._on_message(camera_id, message["data"])
            except (RedisError, OSError) as error:
                self._complain(error)
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                with suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _complain(self, error: Exception) -> None:
        if not self._failing:
            logger.warning("could not exchange live frames with other processes: %s", type(error).__name__)
        self._failing = True
