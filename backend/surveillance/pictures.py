"""Pictures and clips in storage: random names, written whole before their row is committed.

In this order a process that is killed leaves a file without a row, which the sweep deletes, and never a row without
its file. For the same reason a file is deleted only after the row's end is certain: see `delete_after`.
"""

import hashlib
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import InterfaceError, OperationalError

from surveillance.storages import S3_ERRORS, MediaStorage

ROOT = "alerts"
CACHE_CONTROL = "private, max-age=60"
"""An alert's picture may be replaced by a better one while its object is in view; asking again costs little."""

logger = logging.getLogger(__name__)


class StorageUnavailableError(Exception):
    """The storage cannot be written or read at the moment."""


def media_storage() -> MediaStorage:
    """The storage in use, with what it can do beside Django's interface."""
    return cast("MediaStorage", default_storage)


def save(content: bytes, *, now: datetime, extension: str = "jpg") -> str:
    """Stores a JPEG or MP4 and returns its key. Raises StorageUnavailableError; nothing is left behind then."""
    key = f"{ROOT}/{now:%Y/%m/%d}/{uuid.uuid4().hex}.{extension}"
    try:
        with _failures_told("stored"):
            return str(default_storage.save(key, ContentFile(content)))
    except StorageUnavailableError:
        delete(key)  # a disk that became full leaves a part of the file
        raise


def read(key: str) -> bytes | None:
    """The content, or None when it is not there. Raises StorageUnavailableError."""
    try:
        with _failures_told("read"), default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def link(key: str, *, content_type: str, file_name: str) -> str:
    """A URL that is good for a short while, and says in its signature how the storage is to answer."""
    shown = {"ResponseContentType": content_type, "ResponseContentDisposition": f'inline; filename="{file_name}"'}
    with _failures_told("linked"):
        return str(storages["links"].url(key, parameters=shown))  # type: ignore[call-arg] # S3Storage's


def entity_tag(key: str) -> str:
    """An HTTP entity tag that changes when another picture takes the place of this one; says nothing of its key."""
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:16]}"'


def delete(key: str) -> None:
    """Removes it; what is not there is fine. What cannot be removed now is left to the sweep."""
    try:
        default_storage.delete(key)
    except (OSError, *S3_ERRORS) as error:
        logger.warning("a file could not be deleted: %s", _words(error), extra={"key": key})


def delete_after(error: BaseException, key: str) -> None:
    """After a failed transaction: removes the file if certainly no row names it, and else leaves it to the sweep.

    A database that goes away during the commit may have done it all the same, and a process that is told to end
    does not know; that row must keep its picture.
    """
    if isinstance(error, Exception) and not isinstance(error, OperationalError | InterfaceError):
        delete(key)


@contextmanager
def _failures_told(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if what == "read":
            raise
        raise StorageUnavailableError(f"it cannot be {what}: {_words(error)}") from error
    except (OSError, *S3_ERRORS) as error:
        raise StorageUnavailableError(f"it cannot be {what}: {_words(error)}") from error


def _words(error: Exception) -> str:
    """Without anything of a request: it may hold a key."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
