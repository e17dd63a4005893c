"""`manage.py create_token --user NAME --scope pipeline`: print a new token, and nothing else, to stdout."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import service_token_replace, token_create

MAX_DAYS = 3650
"""As the setting VIGIL_TOKEN_LIFETIME_DAYS."""
MAX_GRACE_MINUTES = 30 * 24 * 60
MAX_NAME_LENGTH = 100
SCOPES = (Scope.USER, Scope.PIPELINE, Scope.PROBER, Scope.CLUSTER_OPERATOR)


class Command(BaseCommand):
    """Creates tokens that the API does not issue: those of services."""

    help = "Prints a new token for a user. It is shown this once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--user", required=True, help="name of the user that the token belongs to")
        parser.add_argument("--scope", required=True, choices=[str(scope.value) for scope in SCOPES])
        parser.add_argument("--name", default="", help="what it is for, as lists of tokens show it")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="end former tokens of this user, scope and name after --grace-minutes, so that nothing stands still",
        )
        parser.add_argument("--grace-minutes", type=int, default=10, help="default: 10")
        parser.add_argument("--expires-days", type=int, default=None, help="default: it does not end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the token."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"--user: there is no active user {options['user']!r}")
        days = options["expires_days"]
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--expires-days: must be from 1 to {MAX_DAYS}")
        lifetime = timedelta(days=days) if days is not None else None
        if not 0 <= options["grace_minutes"] <= MAX_GRACE_MINUTES:
            raise CommandError(f"--grace-minutes: must be from 0 to {MAX_GRACE_MINUTES}")
        scope, name = Scope(options["scope"]), options["name"]
        if len(name) > MAX_NAME_LENGTH:
            raise CommandError(f"--name: must have at most {MAX_NAME_LENGTH} characters")
        if options["replace"]:
            grace = timedelta(minutes=options["grace_minutes"])
            token = service_token_replace(user=user, scope=scope, name=name, lifetime=lifetime, grace=grace)
        else:
            token = token_create(user=user, scope=scope, name=name, lifetime=lifetime)
        self.stdout.write(token)
