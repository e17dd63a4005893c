"""Cleaning up after processes that were killed at the wrong moment."""

from collections.abc import Iterator
from datetime import datetime

from django.core.files.storage import Storage, default_storage

from surveillance import pictures
from surveillance.models import Alert

_ROOT = "alerts"
_BATCH = 500


def orphans_delete(*, written_before: datetime) -> int:
    """Deletes pictures and clips that no row names; returns how many.

    A process killed between file and row leaves one. Only files written before that time are looked at: a younger
    one's row may be on its way.
    """
    deleted = 0
    batch: list[str] = []
    for key in _files(default_storage, _ROOT):
        if default_storage.get_modified_time(key) < written_before:
            batch.append(key)
        if len(batch) == _BATCH:
            deleted += _delete_unnamed(batch)
            batch = []
    return deleted + _delete_unnamed(batch)


def _delete_unnamed(keys: list[str]) -> int:
    named = set(Alert.objects.filter(image__in=keys).values_list("image", flat=True))
    named |= set(Alert.objects.filter(clip__in=keys).values_list("clip", flat=True))
    unnamed = [key for key in keys if key not in named]
    for key in unnamed:
        pictures.delete(key)
    return len(unnamed)


def _files(storage: Storage, directory: str) -> Iterator[str]:
    try:
        directories, files = storage.listdir(directory)
    except FileNotFoundError:
        return
    yield from (f"{directory}/{name}" for name in files)
    for name in directories:
        yield from _files(storage, f"{directory}/{name}")
