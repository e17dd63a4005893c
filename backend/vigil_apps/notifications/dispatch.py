"""Wake the senders: Celery's workers if Redis is configured, otherwise a thread of this process.

This is only a wake-up: pending messages are in the database, and senders also poll it. So an unavailable broker
delays notifications by seconds and loses none.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from uuid import UUID

from django.conf import settings

logger = logging.getLogger(__name__)

BROKER_REST_SECONDS = 5.0
"""After a failure the broker is not used for this long, so that alerts do not wait for it."""

wake = threading.Event()
"""Set when there is something to send; this process's sender thread waits for it."""
_broker_rests_until = 0.0


def announce_alerts(subscription_ids: Collection[int]) -> None:
    """Announce new alerts for these subscriptions."""
    if not settings.VIGIL_REDIS_URL:
        wake.set()
        return
    from vigil_apps.notifications.tasks import plan

    _enqueue(lambda: plan.apply_async((list(subscription_ids),), retry=False))


def announce_message(message_id: UUID) -> None:
    """Announce a new message, such as a test."""
    if not settings.VIGIL_REDIS_URL:
        wake.set()
        return
    from vigil_apps.notifications.tasks import send

    _enqueue(lambda: send.apply_async((str(message_id),), retry=False))


def _enqueue(enqueue: Callable[[], object]) -> None:
    global _broker_rests_until
    if time.monotonic() < _broker_rests_until:
        return
    try:
        enqueue()
    except Exception as error:  # noqa: BLE001 the broker's client may raise anything
        logger.warning("could not wake the Celery workers: %s; they send on their next sweep", type(error).__name__)
        _broker_rests_until = time.monotonic() + BROKER_REST_SECONDS
