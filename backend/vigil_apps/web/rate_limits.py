"""How often one camera, token or address may ask: atomic over all processes with Redis, over one process without.

DRF's own throttles read and write in two steps, so that requests at the same moment pass together. A camera's alerts
over the limit are answered with 429, which tells a detector to keep them and to come back, never to drop them.
"""

import logging
import math
import threading
import time
from contextlib import nullcontext
from functools import lru_cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from rest_framework.exceptions import Throttled

logger = logging.getLogger(__name__)


_REDIS_TIMEOUTS = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
"""Seconds: a Redis that hangs must not make the API hang."""
_in_memory = threading.Lock()
"""The library counts in memory with a lock for each key, but two threads may make the same key's lock at once."""


@lru_cache(maxsize=4)
def _limiter(storage: str) -> MovingWindowRateLimiter:
    options = _REDIS_TIMEOUTS if storage.startswith("redis") else {}
    return MovingWindowRateLimiter(storage_from_string(storage, **options))


@lru_cache(maxsize=16)
def _rate(text: str) -> RateLimitItem:
    return parse(text)


def seconds_to_wait(kind: str, name: str) -> int:
    """Counts a request. 0: it may go on; otherwise after how many seconds another has a chance.

    Redis that is away lets everything pass: a limit protects the service, and must not be what stops it.
    """
    rate = settings.VIGIL_RATES[kind]
    if not rate:
        return 0
    storage, item = settings.VIGIL_RATE_STORAGE, _rate(rate)
    try:
        with _in_memory if storage.startswith("memory") else nullcontext():
            limiter = _limiter(storage)
            if limiter.hit(item, kind, name):
                return 0
            return max(1, math.ceil(limiter.get_window_stats(item, kind, name).reset_time - time.time()))
    except Exception as error:  # noqa: BLE001 whatever the storage's client raises
        logger.warning("rate limits cannot be counted: %s", type(error).__name__)
        return 0


def require_rate(kind: str, name: str) -> None:
    """Counts a request. Raises Throttled, which is answered with 429 and Retry-After."""
    wait = seconds_to_wait(kind, name)
    if wait:
        raise Throttled(wait=wait)


def forget() -> None:
    """Starts counting anew, in this process; for tests."""
    _limiter.cache_clear()
