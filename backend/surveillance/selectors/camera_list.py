"""Read the version of the list of active cameras, and which cameras have changed between two versions."""

import re
from dataclasses import dataclass
from typing import Self

from surveillance.models import CameraListChange
from vigil_apps.web.statements import rows_of
from vigil_contracts.camera import MAX_CHANGED_CAMERAS

CAMERA_LIST_VERSION = "(SELECT number || '.' || nonce FROM surveillance_cameralistversion WHERE id = 1)"
"""The SQL expression of the version, for `ListVersion.read`; NULL without a row."""

_VERSION = re.compile(r"(\d{1,18})\.([0-9a-f]{0,16})")


@dataclass(frozen=True, slots=True)
class ListVersion:
    """A version of the list. Two are the same only if number and nonce are."""

    number: int = 0
    nonce: str = ""

    def __str__(self) -> str:
        return f"{self.number}.{self.nonce}"

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Return the version that `str` or `CAMERA_LIST_VERSION` has written as `text`; None if it is none."""
        found = _VERSION.fullmatch(text or "")
        return cls(int(found[1]), found[2]) if found else None


def camera_list_version() -> ListVersion:
    """Return the version, which changes with every camera. Read it before the list that it identifies."""
    ((text,),) = rows_of(f"SELECT {CAMERA_LIST_VERSION}")
    return ListVersion.read(text) or ListVersion()


def changed_cameras(*, since: ListVersion, until: ListVersion) -> set[int] | None:
    """Return the ids of all cameras that have changed after `since`, up to `until`, a version that was read before.

    None if that is not known for certain: the log must have each version from the one to the other, and both must be
    in it as they were stated. It lacks those that are too old, that stem from before a restored backup, or that a
    backend of an older version has written; and a version can concern the whole list.
    """
    if not 0 <= until.number - since.number <= MAX_CHANGED_CAMERAS:
        return None
    versions = CameraListChange.objects.filter(version__gte=since.number, version__lte=until.number)
    log = list(versions.order_by("version").values_list("version", "nonce", "camera_ids"))
    if [row[0] for row in log] != list(range(since.number, until.number + 1)):
        return None
    if (log[0][1], log[-1][1]) != (since.nonce, until.nonce):
        return None
    changed: set[int] = set()
    for _, _, camera_ids in log[1:]:
        if camera_ids is None:
            return None
        changed.update(camera_ids)
    return changed if len(changed) <= MAX_CHANGED_CAMERAS else None
