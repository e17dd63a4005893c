"""Prepare the database, in a separate process, since Django needs its settings before it is imported.

`python -m vigil_standalone.prepare` migrates, makes the first user and the tokens of the supervisor and the pipeline,
and prints one JSON object: `{"password_is_current": …}`. Secrets are only written to files in the data directory.
"""

import gc
import json
import os
import sys
from pathlib import Path

import django
from django.core.management import call_command

from vigil_standalone.state import USER, DataDirectory

SCOPES = ("user", "pipeline")


def main() -> None:
    """Prepare the database; a second run changes nothing."""
    gc.disable()  # the process ends soon, and the migrations would spend a fifth of their time looking for garbage
    django.setup()
    call_command("migrate", verbosity=0)
    data = DataDirectory(Path(os.environ["VIGIL_DATA_DIR"]))
    password_is_current = _prepare_user(data.read_secret("admin-password"))
    for scope in SCOPES:
        _prepare_token(data, scope)
    json.dump({"password_is_current": password_is_current}, sys.stdout)


def _prepare_user(password: str) -> bool:
    """Create the first user. An existing one stays unchanged: its password may have been changed on purpose."""
    from django.contrib.auth.models import User

    from vigil_apps.accounts.services import user_ensure

    user = User.objects.filter(username=USER).first()
    if user is not None:
        return user.check_password(password)
    user_ensure(username=USER, password=password, is_superuser=True)
    return True


def _prepare_token(data: DataDirectory, scope: str) -> None:
    from django.contrib.auth.models import User
    from knox.crypto import hash_token

    from vigil_apps.accounts.models import AuthToken
    from vigil_apps.accounts.scopes import Scope
    from vigil_apps.accounts.services import token_create

    name = f"{scope}-token"
    known = data.read_secret(name)
    if known and AuthToken.objects.filter(digest=hash_token(known), scope=scope).exists():
        return
    user = User.objects.get(username=USER)
    data.write_secret(name, token_create(user=user, scope=Scope(scope), name="standalone"))


if __name__ == "__main__":
    main()
