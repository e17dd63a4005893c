"""Many cameras at once, from a CSV file: all of them, or none."""

from django.contrib.auth.models import User
from django.db import transaction

from surveillance.core.camera_csv import LineError, read_cameras
from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from surveillance.services.cameras import camera_create


class ImportRefusedError(Exception):
    """Nothing was stored; `errors` says why, line by line."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class _NotKeptError(Exception):
    """Ends the transaction of a dry run."""


def cameras_import(*, user: User, content: bytes, is_dry_run: bool = False) -> list[Camera]:
    """The cameras of the file, stored as the user's; with `is_dry_run` checked the same way and not kept.

    Raises ImportRefusedError with everything that is wrong, not only the first of it.
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
