"""Pictures and clips in storage: random names, written whole before their row is committed."""

import hashlib
import logging
import uuid
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

CACHE_CONTROL = "private, max-age=60"
"""An alert's picture may be replaced by a better one while its object is in view; asking again costs little."""

logger = logging.getLogger(__name__)


class StorageUnavailableError(Exception):
    """The storage cannot be written or read at the moment."""


def save(content: bytes, *, now: datetime, extension: str = "jpg") -> str:
    """Stores a JPEG or MP4 and returns its key. Raises StorageUnavailableError; nothing is left behind then."""
    key = f"alerts/{now:%Y/%m/%d}/{uuid.uuid4().hex}.{extension}"
    try:
        return str(default_storage.save(key, ContentFile(content)))
    except OSError as error:
        delete(key)  # a disk that became full leaves a part of the file
        raise StorageUnavailableError(f"it cannot be stored: {error.strerror}") from error


def read(key: str) -> bytes | None:
    """The content, or None when it is not there. Raises StorageUnavailableError."""
    try:
        with default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageUnavailableError(f"it cannot be read: {error.strerror}") from error


def entity_tag(key: str) -> str:
    """An HTTP entity tag that changes when another picture takes the place of this one; says nothing of its key."""
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:16]}"'


def delete(key: str) -> None:
    """Removes it; what is not there is fine."""
    try:
        default_storage.delete(key)
    except OSError as error:
        logger.warning("a file could not be deleted: %s", error.strerror, extra={"key": key})
