"""Storage of images and clips: a directory, or the S3 bucket of `bucket_storage.py`, selected by `STORAGES`.

Both extend Django's interface by what the sweep, the probes and the delivery to browsers need.
"""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

S3_ERRORS = (BotoCoreError, ClientError)
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a listing; `modified_at` is on the storage's clock."""

    key: str
    size_bytes: int
    modified_at: datetime


class Output(Protocol):
    """A new file that is written from its begin to its end."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Write all bytes; return their number. Raises OSError or one of `S3_ERRORS`."""
        ...

    def flush(self) -> None:
        """Do nothing that matters; files have it."""
        ...


class MediaStorage(Protocol):
    """The interface of both storages."""

    def writing(self, key: str, *, size_bytes: int) -> AbstractContextManager[Output]:
        """Yield a new file of about this size, which is stored when the block ends, and not at all if it raises.

        For files that are too large for the memory. Raises OSError or one of `S3_ERRORS`.
        """
        ...

    def drop_unfinished(self, prefix: str, *, begun_before: datetime, spared: Sequence[str] = ()) -> None:
        """Delete what killed processes left of files that they were writing. Raises OSError or one of `S3_ERRORS`.

        `prefix`: a folder, with the begin of a name. `spared`: prefixes of files that are still being written.
        """
        ...

    def store(self, key: str, content: bytes) -> None:
        """Store a new file; no other may have its key. Raises OSError or one of `S3_ERRORS`."""
        ...

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every file below the prefix. Raises OSError or one of `S3_ERRORS`."""
        ...

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """Remove empty folders that have not changed since then."""
        ...

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete files if they exist. Raises OSError or one of `S3_ERRORS`."""
        ...

    def replace(self, key: str, content: bytes) -> None:
        """Store a file under this key, so that no reader sees a part of it. Raises OSError or one of `S3_ERRORS`."""
        ...

    def read_end(self, key: str, size_bytes: int) -> bytes:
        """Return at most so many bytes at the end of a file. Raises FileNotFoundError, OSError or `S3_ERRORS`."""
        ...

    def problem(self) -> str:
        """Return why nothing can be stored; empty if it can."""
        ...

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """Return by how much the disk exceeds that; 0 if it does not, or has no limit."""
        ...


class DirectoryStorage(FileSystemStorage):
    """A directory. Stored files survive a power failure, like the rows in the database."""

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

    @contextmanager
    def writing(self, key: str, *, size_bytes: int) -> Iterator[Output]:
        """Yield a file with another name, and rename it when it is complete."""
        path = Path(self.path(key + _UNFINISHED))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                yield file
            self.save(key, _Written(path))
        finally:
            path.unlink(missing_ok=True)

    def drop_unfinished(self, prefix: str, *, begun_before: datetime, spared: Sequence[str] = ()) -> None:
        """Delete unfinished files that have not been written to since then."""
        folder, _, begin = prefix.rpartition("/")
        for one in list(self.stored_files(folder)):
            is_unfinished = one.key.startswith(f"{folder}/{begin}") and one.key.endswith(_UNFINISHED)
            if is_unfinished and one.modified_at < begun_before and not one.key.startswith(tuple(spared)):
                self.delete(one.key)

    def store(self, key: str, content: bytes) -> None:
        """Store a new file. In two thirds of the time of `save`, which looks for a free name and locks the file."""
        path = self.path(key)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # with the umask, as `save`
        except FileNotFoundError:  # the first file of its folder
            self.save(key, ContentFile(content))
            return
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if self.file_permissions_mode is not None:
                os.fchmod(descriptor, self.file_permissions_mode)
            self._ensure_location_group_id(path)  # type: ignore[attr-defined] # Django's stubs leave it out
            os.fsync(descriptor)
        _sync(Path(path).parent)

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every file below the prefix."""
        root = Path(self.location)
        for directory, _, names in os.walk(self.path(prefix)):
            for name in names:
                path = Path(directory, name)
                try:
                    status = path.stat()
                except FileNotFoundError:  # deleted in the meantime
                    continue
                modified_at = datetime.fromtimestamp(status.st_mtime, tz=UTC)
                yield StoredFile(path.relative_to(root).as_posix(), status.st_size, modified_at)

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """Remove empty folders. They are named by the day, so a folder unchanged for a day gets no new file."""
        top = self.path(prefix)
        for directory, _, _ in os.walk(top, topdown=False):
            if directory != top and os.stat(directory).st_mtime < unchanged_since.timestamp():  # noqa: PTH116
                try:
                    os.rmdir(directory)  # noqa: PTH106 fails if it is not empty
                except OSError:
                    continue

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the files."""
        for key in keys:
            self.delete(key)

    def replace(self, key: str, content: bytes) -> None:
        """Write the file beside its place and rename it. It may be lost by a power failure."""
        path = Path(self.path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def read_end(self, key: str, size_bytes: int) -> bytes:
        """Return at most so many bytes at the end of a file."""
        with Path(self.path(key)).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size_bytes))
            return file.read()

    def problem(self) -> str:
        """Return why the directory cannot be created or written; empty if it can."""
        try:
            os.makedirs(self.location, exist_ok=True)  # noqa: PTH103 the storage gives a text
        except OSError as error:
            return f"not writable: {error.strerror}"
        return "" if os.access(self.location, os.W_OK) else "not writable"

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """Return the excess of the directory's disk; space reserved for root counts as used."""
        disk = os.statvfs(self.location)
        used = disk.f_blocks - disk.f_bavail
        return max(0, used - disk.f_blocks * max_used_percent // 100) * disk.f_frsize


class _Written(File):  # type: ignore[type-arg] # it is generic only in the stubs
    """A complete file, which a directory takes over by renaming it."""

    def __init__(self, path: Path) -> None:
        super().__init__(None, name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        """Return the path, as Django's uploaded files do."""
        return str(self._path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
