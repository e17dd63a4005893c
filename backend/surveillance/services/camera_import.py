"""Import cameras from a CSV file: all of them or none."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from surveillance.core.camera_csv import CameraLine, LineError, read_cameras
from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from surveillance.services.camera_list import camera_list_changes_together
from surveillance.services.cameras import ManyWrites, camera_create
from vigil_apps.web.quotas import lock


class ImportRefusedError(Exception):
    """Nothing was stored; `errors` has the reasons by line."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class _NotKeptError(Exception):
    """Rolls back the transaction of a dry run."""


def cameras_import(*, user: User, content: bytes, is_dry_run: bool = False) -> list[Camera]:
    """Store the cameras of the file as the user's; with `is_dry_run` only validate them.

    Raises ImportRefusedError with all problems, not only the first.
    """
    found = read_cameras(content)
    errors = list(found.errors)
    cameras: list[Camera] = []
    try:
        with transaction.atomic(), camera_list_changes_together():
            lock(user)
            many = ManyWrites(free_names=_free_names(user, found.lines))
            for line in found.lines:
                try:
                    cameras.append(camera_create(user=user, values=line.values, many=many))
                except InvalidInputError as error:
                    errors += [
                        LineError(line.line, name, text) for name, texts in error.errors.items() for text in texts
                    ]
            if errors:
                raise ImportRefusedError(sorted(errors, key=lambda error: error.line))
            if is_dry_run:
                raise _NotKeptError
    except _NotKeptError:
        pass
    return cameras


def _free_names(user: User, lines: Sequence[CameraLine]) -> set[str]:
    named = {str(line.values["name"]) for line in lines if line.values.get("name")}
    return named - set(Camera.objects.filter(user=user, name__in=named).values_list("name", flat=True))
