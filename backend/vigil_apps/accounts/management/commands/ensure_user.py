"""`manage.py ensure_user --username admin --superuser --password-file FILE`: safe to run at every start."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vigil_apps.accounts.services import user_ensure


class Command(BaseCommand):
    """Creates or updates a user. The password is never an argument: other users can see a process's arguments."""

    help = "Creates the user, or gives the user this password and these rights."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--superuser", action="store_true", help="sees everything and enters the admin")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--password-file", help="a file that holds the password")
        source.add_argument("--password-env", help="name of an environment variable that holds the password")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or update the user."""
        password = _password(options["password_file"], options["password_env"])
        is_new = user_ensure(username=options["username"], password=password, is_superuser=options["superuser"])
        self.stderr.write(f"user {options['username']} {'created' if is_new else 'exists'}")


def _password(file: str | None, variable: str | None) -> str:
    if file is not None:
        try:
            password = Path(file).read_text().strip()
        except OSError as error:
            raise CommandError(f"--password-file: {file} cannot be read: {error.strerror}") from error
    else:
        password = os.environ.get(variable or "", "").rstrip("\r\n")
    if not password:
        raise CommandError("the password is empty")
    return password
