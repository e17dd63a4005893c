"""Rate limits per camera, token or address: atomic over all processes with Redis, otherwise per process.

DRF's throttles read and write in two steps, so that concurrent requests pass together. Alerts over a camera's limit
are answered with 429, which makes the detector keep and resend them.
"""

import logging
import math
import threading
import time
from contextlib import nullcontext
from functools import lru_cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from rest_framework.exceptions import Throttled

logger = logging.getLogger(__name__)


_REDIS_TIMEOUTS = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
"""Seconds; a hanging Redis must not block the API."""
_in_memory = threading.Lock()
"""The library's in-memory storage has a lock per key, but two threads may create the same key's lock at once."""


_EXPIRY_SECONDS = 10.0


class _MemoryStorage(MemoryStorage):
    """Remove expired entries every ten seconds.

    The library does so in a thread that it starts every 10 ms for as long as requests arrive. Its method is private;
    the name of this class makes `__schedule_expiry` the same name, which a test holds by counting threads.
    """

    def __schedule_expiry(self) -> None:
        if not self.timer.is_alive():
            self.timer = threading.Timer(_EXPIRY_SECONDS, self._MemoryStorage__expire_events)  # type: ignore[attr-defined]
            self.timer.daemon = True
            self.timer.start()


@lru_cache(maxsize=4)
def _limiter(storage: str) -> MovingWindowRateLimiter:
    if storage.startswith("memory"):
        return MovingWindowRateLimiter(_MemoryStorage())
    options = _REDIS_TIMEOUTS if storage.startswith("redis") else {}
    return MovingWindowRateLimiter(storage_from_string(storage, **options))


@lru_cache(maxsize=16)
def _rate(text: str) -> RateLimitItem:
    return parse(text)


def seconds_to_wait(kind: str, name: str, *, count: bool = True) -> int:
    """Count a request; return 0 if it may proceed, otherwise the seconds until another may succeed.

    `count`: if false, only tell whether a request would be permitted now.

    If Redis is unavailable, every request passes: a limit protects the service and must not cause an outage.
    """
    rate = settings.VIGIL_RATES[kind]
    if not rate:
        return 0
    storage, item = settings.VIGIL_RATE_STORAGE, _rate(rate)
    try:
        with _in_memory if storage.startswith("memory") else nullcontext():
            limiter = _limiter(storage)
            if limiter.hit(item, kind, name) if count else limiter.test(item, kind, name):
                return 0
            return max(1, math.ceil(limiter.get_window_stats(item, kind, name).reset_time - time.time()))
    except Exception as error:  # noqa: BLE001 the storage's client may raise anything
        logger.warning("could not count a request: %s; rate limits are not enforced", type(error).__name__)
        return 0


def require_rate(kind: str, name: str) -> None:
    """Count a request. Raises Throttled, which becomes a 429 response with Retry-After."""
    wait = seconds_to_wait(kind, name)
    if wait:
        raise Throttled(wait=wait)


def forget() -> None:
    """Reset this process's counters; for tests."""
    _limiter.cache_clear()
