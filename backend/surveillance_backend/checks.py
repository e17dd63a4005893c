"""System checks of the configuration. Each message names the missing setting and how to fix it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from vigil_apps.evidence.core.keys import MAKE_KEY, key_of
from vigil_apps.notifications.vapid import is_key

_MAKE_KEY = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


def configuration_errors() -> list[CheckMessage]:
    """Return the errors that prevent the backend from running."""
    found: list[CheckMessage] = []
    if not _secret_key():
        found.append(
            Error(
                "VIGIL_SECRET_KEY or VIGIL_SECRET_KEY_FILE is not set.",
                hint="It signs sessions; there is no default. Use 50 random characters or more.",
                id="vigil.E001",
            )
        )
    if not settings.VIGIL_CREDENTIAL_KEYS:
        found.append(
            Error(
                "VIGIL_CREDENTIAL_KEYS or VIGIL_CREDENTIAL_KEYS_FILE is not set.",
                hint=f"It encrypts the cameras' credentials. Make a key with: {_MAKE_KEY}",
                id="vigil.E002",
            )
        )
    elif not all(_is_fernet_key(key) for key in settings.VIGIL_CREDENTIAL_KEYS):
        found.append(
            Error(
                "VIGIL_CREDENTIAL_KEYS contains an invalid Fernet key.",
                hint=f"Make one with: {_MAKE_KEY}",
                id="vigil.E003",
            )
        )
    if settings.VIGIL_VAPID_KEY and not is_key(settings.VIGIL_VAPID_KEY):
        found.append(
            Error(
                "VIGIL_VAPID_KEY is not a P-256 private key.",
                hint="Make one with: manage.py make_vapid_key",
                id="vigil.E005",
            )
        )
    if settings.VIGIL_EVIDENCE_KEY and key_of(settings.VIGIL_EVIDENCE_KEY.encode()) is None:
        found.append(
            Error(
                "VIGIL_EVIDENCE_KEY is not an Ed25519 private key in PEM without a passphrase.",
                hint=f"Make one with: {MAKE_KEY}",
                id="vigil.E006",
            )
        )
    directory = _sqlite_directory()
    if directory is not None and not directory.is_dir():
        found.append(
            Error(
                f"The directory of the database, {directory}, does not exist.",
                hint="Create it, or set VIGIL_DATA_DIR or DATABASE_URL.",
                id="vigil.E004",
            )
        )
    return found


@register("vigil")
def check_configuration(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Return the errors as a Django system check."""
    return configuration_errors()


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # raised for an empty setting; the message here is more specific
        return ""


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def _sqlite_directory() -> Path | None:
    name = settings.DATABASES["default"]["NAME"]
    return name.parent if isinstance(name, Path) else None
