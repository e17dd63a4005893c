"""`manage.py reset_second_factor --username anna`: the way back in for an administrator who lost their factors."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from vigil_apps.second_factor.services import factors_reset, policy_set


class Command(BaseCommand):
    """Deletes a user's factors. The password stays, and so does the requirement unless it is lifted here."""

    help = "Deletes all second factors of a user, who then signs in with the password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--lift-requirement", action="store_true", help="no role requires a factor any more")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset the factors."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"--username: there is no user {options['username']!r}")
        count = factors_reset(user=user)
        self.stdout.write(f"user {user.get_username()}: {count} second factors deleted")
        if options["lift_requirement"]:
            policy_set(required_for=(), after_single_sign_on=False)
            self.stdout.write("no role requires a second factor")
