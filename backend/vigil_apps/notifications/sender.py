"""The embedded sender: without Redis, a thread of each backend process sends what is in the outbox."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from surveillance.background import Seldom
from vigil_apps.notifications import dispatch
from vigil_apps.notifications.services.delivery import message_deliver, messages_delete_old
from vigil_apps.notifications.turn import turn

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 5.0
CONNECTIONS = 4
"""Maximum number of parallel deliveries, so that one hanging receiver blocks few others."""


class Sender(threading.Thread):
    """Sends until `stop`, when it is woken and every `PERIOD_SECONDS`."""

    def __init__(self, deliver: Callable[[UUID], object]) -> None:
        super().__init__(name="notifications", daemon=True)
        self._deliver = deliver
        self._stopping = False
        self._lock = threading.Lock()
        self._in_flight: set[UUID] = set()
        self._delete_old = Seldom(lambda: messages_delete_old(now=timezone.now()))
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="notification")

    def run(self) -> None:
        """Run the loop."""
        while not self._stopping:
            dispatch.wake.wait(PERIOD_SECONDS)
            dispatch.wake.clear()
            self.turn()

    def turn(self) -> None:
        """Run once. Errors are logged, and the next run retries."""
        try:
            close_old_connections()
            turn(self._submit)
            self._delete_old()
        except Exception as error:  # noqa: BLE001 the thread must survive every error
            logger.warning("could not send notifications: %s; retrying", type(error).__name__)
        finally:
            close_old_connections()

    def stop(self) -> None:
        """End the loop; running deliveries finish on their own."""
        self._stopping = True
        dispatch.wake.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, message_id: UUID) -> None:
        with self._lock:
            if message_id in self._in_flight or self._stopping:
                return
            self._in_flight.add(message_id)
        self._pool.submit(self._send, message_id)

    def _send(self, message_id: UUID) -> None:
        try:
            self._deliver(message_id)
        except Exception as error:  # noqa: BLE001 the message becomes due again when its claim expires
            logger.warning("could not send a notification: %s; retrying later", type(error).__name__)
        finally:
            close_old_connections()
            with self._lock:
                self._in_flight.discard(message_id)


def start() -> Sender | None:
    """Start this process's thread; return None if Celery sends."""
    if settings.VIGIL_REDIS_URL:
        return None
    thread = Sender(lambda message_id: message_deliver(message_id=message_id))
    thread.start()
    return thread
