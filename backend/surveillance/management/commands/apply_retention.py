"""`manage.py apply_retention`: delete alerts that are too old or use too much space."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from surveillance.management.output import add_output_argument, as_json, megabytes, table
from surveillance.models import Camera
from surveillance.services.retention import retention_apply


class Command(BaseCommand):
    """For a CronJob with VIGIL_HOUSEKEEPING=0; otherwise the backend does this itself."""

    help = "Deletes alerts, images and clips according to the retention settings."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--dry-run", action="store_true", help="only list what would be deleted")
        add_output_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete the alerts and print how many, by camera and reason."""
        is_dry_run: bool = options["dry_run"]
        deleted = retention_apply(now=timezone.now(), dry_run=is_dry_run)
        names = dict(Camera.objects.values_list("pk", "name"))
        rows = [
            {
                "camera": item.camera_id,
                "camera_name": names.get(item.camera_id, ""),
                "reason": item.reason.value,
                "alerts": item.alerts,
                "size_bytes": item.size_bytes,
            }
            for item in deleted
        ]
        if options["output"] == "json":
            self.stdout.write(as_json({"dry_run": is_dry_run, "deleted": rows}))
            return
        if rows:
            titles = {"camera": "ID", "camera_name": "CAMERA", "reason": "REASON", "alerts": "ALERTS"}
            self.stdout.write(table(rows, {**titles, "size_bytes": "BYTES"}))
        what = "would be deleted" if is_dry_run else "deleted"
        count, size = sum(item.alerts for item in deleted), sum(item.size_bytes for item in deleted)
        self.stdout.write(f"{count} alerts {what}, {megabytes(size)}")
