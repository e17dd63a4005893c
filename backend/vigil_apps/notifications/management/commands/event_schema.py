"""`manage.py event_schema`: print the JSON Schema of the event stream."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from vigil_apps.notifications.core.events import event_schema


class Command(BaseCommand):
    """Prints the schema, for `docs/events.schema.json`."""

    help = "Prints the JSON Schema of the CloudEvents that Vigil sends."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(json.dumps(event_schema(), indent=2))
