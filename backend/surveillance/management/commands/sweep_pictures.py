"""`manage.py sweep_pictures`: delete images and clips that no alert refers to."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from surveillance.management.output import add_output_argument, as_json, megabytes, table
from surveillance.services.sweeps import ORPHAN_AGE, orphans_delete
from surveillance.storages import S3_ERRORS

MAX_AGE_MINUTES = 10 * 365 * 24 * 60


class Command(BaseCommand):
    """Deletes files left by processes that were killed. The backend also does this itself."""

    help = "Deletes images and clips that no alert refers to."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        default = int(ORPHAN_AGE.total_seconds() // 60)
        parser.add_argument("--older-than-minutes", type=int, default=default, help=f"default: {default}")
        parser.add_argument("--dry-run", action="store_true", help="only list what would be deleted")
        add_output_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete the files and list them."""
        if not 0 <= options["older_than_minutes"] <= MAX_AGE_MINUTES:
            raise CommandError(f"--older-than-minutes: must be from 0 to {MAX_AGE_MINUTES}")
        age = timedelta(minutes=options["older_than_minutes"])
        is_dry_run: bool = options["dry_run"]
        try:
            swept = orphans_delete(written_before=timezone.now() - age, dry_run=is_dry_run)
        except (OSError, *S3_ERRORS) as error:
            raise CommandError(f"the storage cannot be read: {type(error).__name__}") from None
        rows = [
            {"key": file.key, "size_bytes": file.size_bytes, "modified_at": file.modified_at.isoformat()}
            for file in swept.orphans
        ]
        if options["output"] == "json":
            self.stdout.write(as_json({"dry_run": is_dry_run, "files": swept.files, "orphans": rows}))
            return
        if rows:
            self.stdout.write(table(rows, {"key": "FILE", "size_bytes": "BYTES", "modified_at": "WRITTEN"}))
        what = "would be deleted" if is_dry_run else "deleted"
        self.stdout.write(f"{len(rows)} of {swept.files} files {what}, {megabytes(swept.orphan_bytes)}")
