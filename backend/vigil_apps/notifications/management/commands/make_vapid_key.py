"""`manage.py make_vapid_key`: print a new private key for Web Push."""

from typing import Any

from django.core.management.base import BaseCommand

from vigil_apps.notifications.vapid import new_key


class Command(BaseCommand):
    """Prints a key for VIGIL_VAPID_KEY or a file. With another key, every browser must subscribe again."""

    help = "Prints a new private key for Web Push (VIGIL_VAPID_KEY)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key without storing it."""
        self.stdout.write(new_key())
