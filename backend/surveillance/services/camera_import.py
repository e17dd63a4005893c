"""Import cameras from a CSV file: all of them or none."""

from django.contrib.auth.models import User
from django.db import transaction

from surveillance.core.camera_csv import LineError, read_cameras
from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from surveillance.services.cameras import camera_create


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
        with transaction.atomic():
            for line in found.lines:
                try:
                    cameras.append(camera_create(user=user, values=line.values))
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
