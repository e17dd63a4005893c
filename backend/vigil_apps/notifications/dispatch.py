"""Wakes the senders: Celery's workers where there is Redis, else the thread of this process.

It is a wake-up and no more: what is to be sent is in the database, and senders look there by themselves, too. So a
broker that is away costs seconds and no message.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from uuid import UUID

from django.conf import settings

logger = logging.getLogger(__name__)

BROKER_REST_SECONDS = 5.0
"""After the broker failed it is left alone for this long: alerts must not wait for it."""

wake = threading.Event()
"""Set when there is something to send; the thread of this process waits for it."""
_broker_rests_until = 0.0


def announce_alerts(subscription_ids: Collection[int]) -> None:
    """New alerts wait for these subscriptions."""
    if not settings.VIGIL_REDIS_URL:
        wake.set()
        return
    from vigil_apps.notifications.tasks import tell

    _ask_broker(lambda: tell.apply_async((list(subscription_ids),), retry=False))


def announce_message(message_id: UUID) -> None:
    """A message waits, such as a test."""
    if not settings.VIGIL_REDIS_URL:
        wake.set()
        return
    from vigil_apps.notifications.tasks import send

    _ask_broker(lambda: send.apply_async((str(message_id),), retry=False))


def _ask_broker(ask: Callable[[], object]) -> None:
    global _broker_rests_until
    if time.monotonic() < _broker_rests_until:
        return
    try:
        ask()
    except Exception as error:  # noqa: BLE001 whatever the broker's client raises
        logger.warning("the broker cannot be reached: %s", type(error).__name__)
        _broker_rests_until = time.monotonic() + BROKER_REST_SECONDS
