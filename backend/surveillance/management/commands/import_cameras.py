"""`manage.py import_cameras --user NAME FILE.csv`: add all cameras of a CSV file, or none."""

import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from surveillance.core.camera_csv import COLUMNS, MAX_BYTES, REQUIRED
from surveillance.selectors.rooms import room_problems_of
from surveillance.services.camera_import import ImportRefusedError, cameras_import


class Command(BaseCommand):
    """Like `POST /api/cameras/import/`, for files on the server."""

    help = (
        f"Adds the cameras of a CSV file. Columns: {', '.join(COLUMNS)}; {' and '.join(REQUIRED)} are needed. "
        "If the file has an error, all errors are listed with their lines and no camera is added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", help="the CSV file; - for standard input")
        parser.add_argument("--user", required=True, help="name of the user whose cameras they are to be")
        parser.add_argument("--dry-run", action="store_true", help="check everything and add nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the cameras."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"--user: there is no active user {options['user']!r}")
        try:
            cameras = cameras_import(user=user, content=_read(options["file"]), is_dry_run=options["dry_run"])
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except ImportRefusedError as refused:
            lines = "\n".join(map(str, refused.errors))
            raise CommandError(f"{lines}\nNo camera was added.") from None
        for problem in room_problems_of(cameras):
            self.stderr.write(f"warning: {problem.text_about_many}")
        self.stdout.write(f"{len(cameras)} cameras {'would be ' if options['dry_run'] else ''}added")


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES + 1)
