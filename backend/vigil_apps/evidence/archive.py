"""Pack an exported folder into one archive, and store it."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage

from surveillance.images import StorageUnavailableError
from surveillance.storages import S3_ERRORS

_CHUNK_BYTES = 1 << 20
Alive = Callable[[int], None]
"""Called with the number of bytes processed since the last call."""


def pack(folder: Path, archive: Path, *, name: str, alive: Alive) -> None:
    """Move the folder's files into a zip file, uncompressed, since videos cannot be compressed any further.

    All are in the folder `name`, so that unpacking gives one that `vigil verify` checks.
    """
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_STORED, allowZip64=True) as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo.from_file(path, f"{name}/{path.name}")
            with path.open("rb") as source, packed.open(entry, "w") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    alive(len(chunk))
            path.unlink()  # so that the disk holds everything only once


def store(archive: Path, key: str, *, alive: Alive) -> None:
    """Put the archive into the storage. Raises StorageUnavailableError."""
    try:
        with archive.open("rb") as source:
            default_storage.save(key, _Archive(source, archive, alive))
    except (OSError, *S3_ERRORS) as error:
        raise StorageUnavailableError(f"the archive cannot be stored: {type(error).__name__}") from error


class _Archive(File):  # type: ignore[type-arg] # it is generic only in the stubs
    """A file that a directory takes over by renaming it, while a bucket reads it."""

    def __init__(self, source: IO[bytes], path: Path, alive: Alive) -> None:
        super().__init__(source, name=path.name)
        self._source, self._path, self._alive = source, path, alive

    def temporary_file_path(self) -> str:
        """Return the path, as Django's uploaded files do."""
        return str(self._path)

    def read(self, size: int = -1) -> bytes:
        """Read a part, and report it."""
        content = self._source.read(size)
        self._alive(len(content))
        return content
