"""`manage.py make_vapid_key`: prints a new private key for Web Push."""

from typing import Any

from django.core.management.base import BaseCommand

from vigil_apps.notifications.vapid import new_key


class Command(BaseCommand):
    """The key goes into VIGIL_VAPID_KEY or a file. With another key every browser has to subscribe anew."""

    help = "Prints a new private key for Web Push (VIGIL_VAPID_KEY)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Keeps nothing."""
        self.stdout.write(new_key())
