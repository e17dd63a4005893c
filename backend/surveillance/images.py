"""Store images and clips: under random names, completely written before their row is committed.

In this order a killed process leaves a file without a row, which the sweep deletes, and never a row without its file.
For the same reason a file is deleted only after its row is certainly gone: see `delete_after`.
"""

import hashlib
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from django.core.files.storage import default_storage, storages
from django.db import InterfaceError, OperationalError

from surveillance.storages import S3_ERRORS, MediaStorage, Output

ROOT = "alerts"
_CHUNK_BYTES = 1 << 18
CACHE_CONTROL = "private, max-age=60"
"""Short, since a better image may replace an alert's image; revalidation is cheap."""

logger = logging.getLogger(__name__)


class StorageUnavailableError(Exception):
    """The storage is temporarily not readable or writable."""


def media_storage() -> MediaStorage:
    """Return the configured storage, with its extensions of Django's interface."""
    return cast("MediaStorage", default_storage)


def save(content: bytes, *, now: datetime, extension: str = "jpg") -> str:
    """Store a JPEG or MP4; return its key. Raises StorageUnavailableError and then leaves no file."""
    key = f"{ROOT}/{now:%Y/%m/%d}/{uuid.uuid4().hex}.{extension}"
    try:
        with _reported_failures("stored"):
            media_storage().store(key, content)
    except StorageUnavailableError:
        delete(key)  # a full disk leaves an incomplete file
        raise
    return key


@contextmanager
def writing(key: str, *, size_bytes: int) -> Iterator[Output]:
    """Yield a new file of about this size, stored when the block ends. Raises StorageUnavailableError."""
    with _reported_failures("stored"), media_storage().writing(key, size_bytes=size_bytes) as output:
        yield output


def drop_unfinished(prefix: str, *, begun_before: datetime, spared: Sequence[str] = ()) -> None:
    """Delete what killed processes left of files that they were writing. If that fails, a sweep deletes it later."""
    try:
        media_storage().drop_unfinished(prefix, begun_before=begun_before, spared=spared)
    except (OSError, *S3_ERRORS) as error:
        logger.warning("could not delete unfinished files: %s; a sweep will", _words(error), extra={"prefix": prefix})


def replace(key: str, content: bytes) -> None:
    """Store the content under this key, at once as a whole, also if it exists. Raises StorageUnavailableError."""
    with _reported_failures("stored"):
        media_storage().replace(key, content)


def read(key: str) -> bytes | None:
    """Return the content, or None if it does not exist. Raises StorageUnavailableError."""
    try:
        with _reported_failures("read"), default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def size(key: str) -> int | None:
    """Return the size in bytes, or None if it does not exist. Raises StorageUnavailableError."""
    try:
        with _reported_failures("read"):
            return default_storage.size(key)
    except FileNotFoundError:
        return None


def read_end(key: str, size_bytes: int) -> bytes | None:
    """Return at most so many bytes at the end of a file, or None if it does not exist.

    Raises StorageUnavailableError.
    """
    try:
        with _reported_failures("read"):
            return media_storage().read_end(key, size_bytes)
    except FileNotFoundError:
        return None


def chunks(key: str) -> Iterator[bytes]:
    """Yield the content in parts; the file is opened with the first. Raises OSError, or one of S3's errors."""
    with default_storage.open(key) as file:
        yield from file.chunks(_CHUNK_BYTES)


def link(key: str, *, content_type: str, file_name: str, disposition: str = "inline") -> str:
    """Return a short-lived URL whose signature determines the storage's response headers."""
    shown = {
        "ResponseContentType": content_type,
        "ResponseContentDisposition": f'{disposition}; filename="{file_name}"',
    }
    with _reported_failures("linked"):
        return str(storages["links"].url(key, parameters=shown))  # type: ignore[call-arg] # S3Storage's


def entity_tag(key: str) -> str:
    """Return an HTTP entity tag that changes when another image replaces this one; it does not reveal the key."""
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:16]}"'


def delete(key: str) -> None:
    """Delete a file if it exists. If that fails, the sweep deletes it later."""
    try:
        default_storage.delete(key)
    except (OSError, *S3_ERRORS) as error:
        logger.warning("could not delete a file: %s; the sweep will", _words(error), extra={"key": key})


def delete_many(keys: Sequence[str]) -> None:
    """Delete files if they exist. If that fails, a sweep deletes them later."""
    try:
        media_storage().delete_many(keys)
    except (OSError, *S3_ERRORS) as error:
        logger.warning("could not delete files: %s; a sweep will", _words(error), extra={"files": len(keys)})


def delete_after(error: BaseException, key: str) -> None:
    """After a failed transaction, delete the file if certainly no row refers to it; otherwise leave it to the sweep.

    A database that becomes unreachable during the commit may have completed it, and so may a process that is being
    terminated; that row must keep its image.
    """
    if isinstance(error, Exception) and not isinstance(error, OperationalError | InterfaceError):
        delete(key)


@contextmanager
def _reported_failures(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if what == "read":
            raise
        raise StorageUnavailableError(f"it cannot be {what}: {_words(error)}") from error
    except (OSError, *S3_ERRORS) as error:
        raise StorageUnavailableError(f"it cannot be {what}: {_words(error)}") from error


def _words(error: Exception) -> str:
    """Return the cause without any part of the request, which may contain a key."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
