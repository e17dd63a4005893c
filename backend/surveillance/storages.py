"""Where pictures and clips are kept: a directory, or a bucket of S3. `STORAGES` in the settings says which.

Both can do what the sweep, the probes and the delivery to browsers need beside Django's own interface.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from django.core.files.storage import FileSystemStorage
from storages.backends.s3 import S3Storage

S3_ERRORS = (BotoCoreError, ClientError)
_CONNECT_SECONDS, _READ_SECONDS = 2, 4
"""With one repetition an S3 that is away or hangs is told within the ten seconds that a detector waits."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as a listing tells of it; `modified_at` is the storage's own clock."""

    key: str
    size_bytes: int
    modified_at: datetime


class MediaStorage(Protocol):
    """What both storages offer."""

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Every file below the prefix, as it is found. Raises OSError or one of `S3_ERRORS`."""
        ...

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """Removes folders that nothing has been in for that long."""
        ...

    def problem(self) -> str:
        """Why nothing can be stored; empty when it can."""
        ...

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """By how much the disk is fuller than that; 0 where it is not, or where there is no such limit."""
        ...


class DirectoryStorage(FileSystemStorage):
    """A directory. What was stored survives a power cut, as the row in the database does."""

    def _save(self, name: str, content: "File[Any]") -> str:
        folder = Path(self.path(name)).parent
        is_new_folder = not folder.is_dir()
        saved = str(super()._save(name, content))  # type: ignore[misc] # Django's stubs leave it out
        _sync(Path(self.path(saved)))
        _sync(folder)
        if is_new_folder:
            for parent in folder.parents:
                _sync(parent)
                if parent == Path(self.location):
                    break
        return saved

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Every file below the prefix."""
        root = Path(self.location)
        for directory, _, names in os.walk(self.path(prefix)):
            for name in names:
                path = Path(directory, name)
                try:
                    status = path.stat()
                except FileNotFoundError:  # gone since
                    continue
                modified_at = datetime.fromtimestamp(status.st_mtime, tz=UTC)
                yield StoredFile(path.relative_to(root).as_posix(), status.st_size, modified_at)

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """Folders are named by the day: one that is unchanged since the day before is not written into any more."""
        top = self.path(prefix)
        for directory, _, _ in os.walk(top, topdown=False):
            if directory != top and os.stat(directory).st_mtime < unchanged_since.timestamp():  # noqa: PTH116
                try:
                    os.rmdir(directory)  # noqa: PTH106 refuses what is not empty
                except OSError:
                    continue

    def problem(self) -> str:
        """Whether the directory can be made and written."""
        try:
            os.makedirs(self.location, exist_ok=True)  # noqa: PTH103 the storage gives a text
        except OSError as error:
            return f"not writable: {error.strerror}"
        return "" if os.access(self.location, os.W_OK) else "not writable"

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """Of the disk that the directory is on; what only root may use counts as used."""
        disk = os.statvfs(self.location)
        used = disk.f_blocks - disk.f_bavail
        return max(0, used - disk.f_blocks * max_used_percent // 100) * disk.f_frsize


class BucketStorage(S3Storage):  # type: ignore[misc] # it has no types
    """A bucket of S3. One client for all threads of the process: making one costs 100 ms, and each is thread-safe."""

    def __init__(self, **settings: Any) -> None:
        style = settings.get("addressing_style", "auto")
        settings.setdefault(
            "client_config",
            Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": 2},
                max_pool_connections=32,
                # Servers that are not Amazon's do not all know the checksums that the SDK adds by itself.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        super().__init__(**settings)
        self._making = threading.Lock()
        self._shared: Any = None

    @property
    def connection(self) -> Any:
        """The library keeps one for each thread; behind ASGI each request has a thread of its own."""
        with self._making:
            if self._shared is None:
                self._shared = self._create_session().resource(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=self.endpoint_url,
                    config=self.client_config,
                )
            return self._shared

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Every object below the prefix, a thousand a request."""
        root = f"{self.location.rstrip('/')}/" if self.location else ""
        for item in self.bucket.objects.filter(Prefix=f"{root}{prefix}/"):
            yield StoredFile(item.key.removeprefix(root), item.size, item.last_modified)

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """There are no folders."""

    def problem(self) -> str:
        """Whether the bucket answers, and to these keys."""
        try:
            self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            return f"the bucket answers {error.response['ResponseMetadata']['HTTPStatusCode']}"
        except BotoCoreError as error:
            return f"the bucket does not answer: {type(error).__name__}"
        return ""

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """A bucket has no end."""
        return 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
