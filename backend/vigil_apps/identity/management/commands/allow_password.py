"""`manage.py allow_password`: the way back in when local accounts are switched off and the provider is down."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from vigil_apps.identity.passwords import password_allow

MINUTES_MAX = 24 * 60


class Command(BaseCommand):
    """Run it where the backend runs. A person who can do that controls the database anyway."""

    help = "Lets a user sign in by password for some time, although VIGIL_LOCAL_ACCOUNTS=0."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username")
        parser.add_argument("--minutes", type=int, default=60, help=f"1 to {MINUTES_MAX}; default: 60")

    def handle(self, *args: Any, username: str, minutes: int, **options: Any) -> None:
        """Store the exception; the audit log records it."""
        if not 1 <= minutes <= MINUTES_MAX:
            raise CommandError(f"--minutes must be 1 to {MINUTES_MAX}")
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"there is no user {username!r}; create one with: manage.py createsuperuser")
        if not user.is_active:
            raise CommandError(f"the account {username!r} is deactivated")
        if not user.has_usable_password():
            raise CommandError(f"{username!r} has no password; set one with: manage.py changepassword {username}")
        password_allow(user=user, until=timezone.now() + timedelta(minutes=minutes))
        page = f"{settings.VIGIL_PUBLIC_URL}/dashboard/login/?password"
        self.stdout.write(f"{username} may sign in by password at {page} for {minutes} minutes")
