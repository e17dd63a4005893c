"""`manage.py sweep_exports`: delete exports that have expired, and files that no export names."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from surveillance.services.sweeps import ORPHAN_AGE
from surveillance.storages import S3_ERRORS
from vigil_apps.evidence.exports import exports_expire, exports_sweep


class Command(BaseCommand):
    """The backend also does this itself."""

    help = "Deletes exports of cases that were closed VIGIL_EXPORT_DAYS ago, and files that no export names."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete them and print the number of files without an export."""
        now = timezone.now()
        exports_expire(now=now)
        try:
            files = exports_sweep(written_before=now - ORPHAN_AGE)
        except (OSError, *S3_ERRORS) as error:
            raise CommandError(f"the storage cannot be read: {type(error).__name__}") from None
        self.stdout.write(f"{files} files without an export deleted")
