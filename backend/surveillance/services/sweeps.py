"""Cleaning up after processes that were killed at the wrong moment."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from surveillance import metrics, pictures
from surveillance.models import Alert
from surveillance.storages import StoredFile

logger = logging.getLogger(__name__)

ORPHAN_AGE = timedelta(hours=1)
"""A younger file's row may be on its way. No request takes as long."""
_FOLDER_AGE = timedelta(days=2)
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep saw, and the files among them that no row names."""

    files: int
    orphans: tuple[StoredFile, ...]

    @property
    def orphan_bytes(self) -> int:
        """Their sizes together."""
        return sum(file.size_bytes for file in self.orphans)


def orphans_delete(*, written_before: datetime, dry_run: bool = False) -> Swept:
    """Deletes pictures and clips that no row names, or only tells of them.

    A process killed between file and row leaves one, as does one killed between the end of a row and its file's. Only
    files written before that time are looked at. Raises OSError, or one of S3's errors.
    """
    storage = pictures.media_storage()
    files = 0
    orphans: list[StoredFile] = []
    batch: list[StoredFile] = []
    for file in storage.stored_files(pictures.ROOT):
        files += 1
        if file.modified_at < written_before:
            batch.append(file)
        if len(batch) == _BATCH:
            orphans += _unnamed(batch, dry_run=dry_run)
            batch = []
    orphans += _unnamed(batch, dry_run=dry_run)
    if not dry_run:
        storage.drop_empty_folders(pictures.ROOT, unchanged_since=written_before - _FOLDER_AGE)
        metrics.SWEPT_FILES.inc(len(orphans))
        if orphans:
            logger.info("files that no alert named were deleted", extra={"files": len(orphans)})
    return Swept(files, tuple(orphans))


def _unnamed(files: list[StoredFile], *, dry_run: bool) -> Iterator[StoredFile]:
    named = _named([file.key for file in files])
    for file in files:
        if file.key not in named:
            if not dry_run:
                pictures.delete(file.key)
            yield file


def _named(keys: list[str]) -> set[str]:
    """Without the empty ones: so the query fits the partial indexes."""
    named = set(Alert.objects.filter(image__in=keys).exclude(image="").values_list("image", flat=True))
    return named | set(Alert.objects.filter(clip__in=keys).exclude(clip="").values_list("clip", flat=True))
