"""Where an export is written: a folder or a zip file. Every byte is written once, and hashed on its way."""

import hashlib
import stat
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from vigil_apps.recordings.core.mp4_join import Output

_LARGE_BYTES = 1 << 30
"""Expected sizes from here on get the 64-bit form of a zip entry, which older programs may not know."""


class ExportOutput(Protocol):
    """A folder or an archive. One file is written at a time."""

    def file(self, name: str, *, expected_bytes: int = 0) -> AbstractContextManager["HashedFile"]:
        """Yield a new file of about this size. Raises OSError, or the errors of what the archive is written to."""
        ...


class HashedFile:
    """A file of an export, with the size and the SHA-256 sum of what is written so far."""

    def __init__(self, output: Output) -> None:
        self._output, self._sum = output, hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Return the sum in hexadecimal digits."""
        return self._sum.hexdigest()

    def write(self, data: bytes | memoryview, /) -> int:
        """Write all bytes."""
        self._output.write(data)
        self._sum.update(data)
        self.size_bytes += len(data)
        return len(data)


class FolderOutput:
    """A folder, which must be empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self, name: str, *, expected_bytes: int = 0) -> Iterator[HashedFile]:
        """Yield a new file of the folder."""
        del expected_bytes
        with (self._folder / name).open("xb") as file:
            yield HashedFile(file)


class ZipOutput:
    """A zip file. All files are in the folder `name`, so that unpacking gives one that `vigil verify` checks."""

    def __init__(self, archive: zipfile.ZipFile, *, name: str, now: datetime) -> None:
        self._archive, self._name, self._date = archive, name, now.timetuple()[:6]

    @contextmanager
    def file(self, name: str, *, expected_bytes: int = 0) -> Iterator[HashedFile]:
        """Yield a new file of the archive, not compressed, since videos cannot be compressed any further."""
        entry = zipfile.ZipInfo(f"{self._name}/{name}", self._date)
        entry.external_attr = (stat.S_IFREG | 0o644) << 16
        with self._archive.open(entry, "w", force_zip64=expected_bytes >= _LARGE_BYTES) as file:
            yield HashedFile(file)
