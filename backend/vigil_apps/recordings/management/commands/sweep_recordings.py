"""`manage.py sweep_recordings`: compare recorded files with the index."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from surveillance.services.sweeps import ORPHAN_AGE
from surveillance.storages import S3_ERRORS
from vigil_apps.recordings.sweep import recordings_sweep


class Command(BaseCommand):
    """Deletes files without an index entry and entries without a file. The backend also does this itself."""

    help = "Deletes recorded files without an index entry, and turns entries without a file into gaps."

    def handle(self, *args: Any, **options: Any) -> None:
        """Correct the differences and print their number."""
        try:
            swept = recordings_sweep(written_before=timezone.now() - ORPHAN_AGE)
        except (OSError, *S3_ERRORS) as error:
            raise CommandError(f"the storage cannot be read: {type(error).__name__}") from None
        self.stdout.write(
            f"{swept.files} files, {swept.orphans} without an entry deleted, {swept.missing} entries without a file"
        )
