"""Answer `active-cameras/` from Django's cache: detectors and the operator poll it constantly.

The key contains the version of the list, which is read from the database with each request and changes in the same
transaction as the list, so that no process returns outdated data. Responses with credentials are encrypted in the
cache, as in the database. Empty the cache after restoring a database backup.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import cache

from surveillance.credentials import CredentialsUnreadableError, decrypt, encrypt

logger = logging.getLogger(__name__)

VALID_SECONDS = 300
_PREFIX = "active-cameras:"

Answer = list[dict[str, Any]]


def cached_answer(*, tag: str, has_credentials: bool, make: Callable[[], Answer]) -> Answer:
    """Return the response with this entity tag, from the cache if possible. An unavailable cache is not an error."""
    kept = _get(tag)
    if kept is not None:
        try:
            return list(json.loads(decrypt(kept) if has_credentials else kept))
        except CredentialsUnreadableError:
            pass  # encrypted with a key that has been removed
    answer = make()
    text = json.dumps(answer)
    _set(tag, encrypt(text) if has_credentials else text)
    return answer


def _get(tag: str) -> str | None:
    try:
        found = cache.get(_PREFIX + tag)
    except Exception as error:  # noqa: BLE001 the cache's client may raise anything
        logger.warning("could not read the cache: %s", type(error).__name__)
        return None
    return found if isinstance(found, str) else None


def _set(tag: str, text: str) -> None:
    try:
        cache.set(_PREFIX + tag, text, VALID_SECONDS)
    except Exception as error:  # noqa: BLE001
        logger.warning("could not write the cache: %s", type(error).__name__)
