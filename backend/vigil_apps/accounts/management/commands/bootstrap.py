"""`manage.py bootstrap`: prepare a new installation. Running it again changes nothing."""

import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from vigil_apps.accounts.management.commands.create_token import SCOPES
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import service_token_set, user_ensure

_RETRY_SECONDS = 1.0


class Command(BaseCommand):
    """Waits for the database, migrates it, and creates the first user and the service tokens from files."""

    help = (
        "Migrates the database and makes the administrator and the services' tokens exist. Secrets come from files."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 Django's declaration; checks that need the database come later

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--wait-seconds", type=float, default=120.0, help="how long the database is waited for")
        parser.add_argument("--admin", default="admin", help="name of the administrator (default: admin)")
        parser.add_argument("--admin-password-file", type=Path, help="its first password; a changed one is kept")
        parser.add_argument(
            "--token",
            action="append",
            default=[],
            metavar="SCOPE:NAME:FILE",
            help="a service's token in a file, as in operator:kubernetes:/run/token; the administrator's",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each step and print its result."""
        tokens = [_parse(text) for text in options["token"]]
        self._wait(options["wait_seconds"])
        call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout, stderr=self.stderr)
        if options["admin_password_file"] is None:
            return
        user = self._admin(options["admin"], options["admin_password_file"])
        for scope, name, file in tokens:
            try:
                is_new = service_token_set(user=user, scope=scope, name=name, text=_read("--token", file))
            except ValueError as error:
                raise CommandError(f"--token: {file}: {error}") from None
            self.stderr.write(f"{scope.value} token {name} {'created' if is_new else 'exists'}")

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection.ensure_connection()
            except OperationalError:
                if time.monotonic() > deadline:
                    # The cause is omitted: it may contain the connection parameters.
                    raise CommandError(
                        f"the database did not answer within {seconds:.0f} s; see DATABASE_URL"
                    ) from None
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _admin(self, username: str, password_file: Path) -> User:
        found = User.objects.filter(username=username).first()
        if found is None:
            user_ensure(username=username, password=_read("--admin-password-file", password_file), is_superuser=True)
            self.stderr.write(f"user {username} created")
            return User.objects.get(username=username)
        return found


def _parse(text: str) -> tuple[Scope, str, Path]:
    scope, _, rest = text.partition(":")
    name, _, file = rest.partition(":")
    if scope not in [each.value for each in SCOPES] or not name or not file:
        names = ", ".join(each.value for each in SCOPES)
        raise CommandError(f"--token: must be SCOPE:NAME:FILE with a scope of {names}, not {text!r}")
    return Scope(scope), name, Path(file)


def _read(option: str, file: Path) -> str:
    try:
        text = file.read_text().strip()
    except OSError as error:
        raise CommandError(f"{option}: {file} cannot be read: {error.strerror}") from None
    if not text:
        raise CommandError(f"{option}: {file} is empty")
    return text
