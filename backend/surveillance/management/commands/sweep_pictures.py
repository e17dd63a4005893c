"""`manage.py sweep_pictures`: deletes pictures that no alert names. Run it once a day."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from surveillance.services.sweeps import orphans_delete


class Command(BaseCommand):
    """What a process that was killed between picture and row has left behind."""

    help = "Deletes pictures that no alert names."

    def add_arguments(self, parser: CommandParser) -> None:
        """The command's options."""
        parser.add_argument("--older-than-minutes", type=int, default=60, help="default: 60")

    def handle(self, *args: Any, **options: Any) -> None:
        """Deletes them and says how many there were."""
        age = timedelta(minutes=max(0, options["older_than_minutes"]))
        self.stdout.write(f"{orphans_delete(written_before=timezone.now() - age)} deleted")
