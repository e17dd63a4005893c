"""Clean up after processes that were killed."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from surveillance import images, metrics
from surveillance.models import Alert
from surveillance.storages import StoredFile

logger = logging.getLogger(__name__)

ORPHAN_AGE = timedelta(hours=1)
"""The row of a younger file may not be committed yet. No request takes this long."""
_FOLDER_AGE = timedelta(days=2)
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Swept:
    """The number of files in a sweep, and the files that no row refers to."""

    files: int
    orphans: tuple[StoredFile, ...]

    @property
    def orphan_bytes(self) -> int:
        """Return their total size."""
        return sum(file.size_bytes for file in self.orphans)


def orphans_delete(*, written_before: datetime, dry_run: bool = False) -> Swept:
    """Delete, or with `dry_run` list, images and clips that no row refers to.

    They are left by processes killed between writing a file and its row, or between deleting a row and its file. Only
    files written before `written_before` are considered. Raises OSError, or one of S3's errors.
    """
    storage = images.media_storage()
    files = 0
    orphans: list[StoredFile] = []
    batch: list[StoredFile] = []
    for file in storage.stored_files(images.ROOT):
        files += 1
        if file.modified_at < written_before:
            batch.append(file)
        if len(batch) == _BATCH:
            orphans += _orphaned(batch, dry_run=dry_run)
            batch = []
    orphans += _orphaned(batch, dry_run=dry_run)
    if not dry_run:
        storage.drop_empty_folders(images.ROOT, unchanged_since=written_before - _FOLDER_AGE)
        metrics.SWEPT_FILES.inc(len(orphans))
        if orphans:
            logger.info("deleted files that no alert refers to", extra={"files": len(orphans)})
    return Swept(files, tuple(orphans))


def _orphaned(files: list[StoredFile], *, dry_run: bool) -> Iterator[StoredFile]:
    named = _referenced([file.key for file in files])
    for file in files:
        if file.key not in named:
            if not dry_run:
                images.delete(file.key)
            yield file


def _referenced(keys: list[str]) -> set[str]:
    """Return the keys that rows refer to. Excludes empty keys, so that the query matches the partial indexes."""
    named = set(Alert.objects.filter(image__in=keys).exclude(image="").values_list("image", flat=True))
    return named | set(Alert.objects.filter(clip__in=keys).exclude(clip="").values_list("clip", flat=True))
