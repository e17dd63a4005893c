"""The answer of `active-cameras/` out of Django's cache: detectors and the operator ask for it all the time.

The key holds the version of the list, which is read from the database with each request and changes in the
transaction of whatever changes the answer, so that no process ever answers what is old. An answer with credentials is
encrypted in the cache as it is in the database. After a database was restored from a copy, empty the cache.
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
    """The answer with this entity tag: from the cache, or made and put there. A cache that is away is no error."""
    kept = _get(tag)
    if kept is not None:
        try:
            return list(json.loads(decrypt(kept) if has_credentials else kept))
        except CredentialsUnreadableError:
            pass  # encrypted with a key that is gone by now
    answer = make()
    text = json.dumps(answer)
    _set(tag, encrypt(text) if has_credentials else text)
    return answer


def _get(tag: str) -> str | None:
    try:
        found = cache.get(_PREFIX + tag)
    except Exception as error:  # noqa: BLE001 whatever the cache's client raises
        logger.warning("the cache cannot be read: %s", type(error).__name__)
        return None
    return found if isinstance(found, str) else None


def _set(tag: str, text: str) -> None:
    try:
        cache.set(_PREFIX + tag, text, VALID_SECONDS)
    except Exception as error:  # noqa: BLE001
        logger.warning("the cache cannot be written: %s", type(error).__name__)
