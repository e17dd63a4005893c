"""`manage.py apply_recording_retention`: delete recordings above their limits, and the files of clips of them."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from surveillance.management.output import megabytes
from vigil_apps.recordings.clips import recorded_clips_sweep
from vigil_apps.recordings.retention import recordings_retain


class Command(BaseCommand):
    """Deletes recordings by age, space and disk usage. The backend also does this itself."""

    help = "Deletes recordings above the limits of their cameras, of the server and of the disk."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete them and print the size."""
        now = timezone.now()
        self.stdout.write(f"{megabytes(recordings_retain(now=now))} deleted")
        self.stdout.write(f"{recorded_clips_sweep(now=now)} files of clips deleted; they are made again if needed")
