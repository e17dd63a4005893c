"""Encrypt stream URLs at rest, with keys that can be rotated without downtime.

Uses Fernet (AES-128-CBC with HMAC-SHA-256). The first key encrypts, all keys decrypt. `manage.py rotate_credentials`
re-encrypts everything with the first key, after which the others can be removed.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class CredentialsUnreadableError(ImproperlyConfigured):
    """No key can decrypt the stored value."""


class UnreadableText(str):
    """The value of a row whose key is missing: an empty text, so that one row does not break a whole list.

    The encrypted value is kept and written back unchanged, so that it is readable again once the key is restored.
    """

    __slots__ = ("token",)
    token: str

    def __new__(cls, token: str) -> "UnreadableText":
        made = super().__new__(cls, "")
        made.token = token
        return made


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("VIGIL_CREDENTIAL_KEYS or VIGIL_CREDENTIAL_KEYS_FILE is not set")
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Return the text as a Fernet token of the first key."""
    return _cipher(tuple(settings.VIGIL_CREDENTIAL_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """Return the decrypted text. Raises CredentialsUnreadableError if its key is missing."""
    try:
        return _cipher(tuple(settings.VIGIL_CREDENTIAL_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CredentialsUnreadableError(
            "stored stream URLs were encrypted with a key that VIGIL_CREDENTIAL_KEYS does not hold"
        ) from None


Rotation = Callable[[], tuple[int, list[object]]]
"""Re-encrypts rows; returns how many, and the primary keys of those that no key can decrypt."""
rotations: dict[str, Rotation] = {}
"""Secrets that are not in an `EncryptedTextField`, by what they are; apps register them when they start."""


if TYPE_CHECKING:  # generic for the type checker only
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class EncryptedTextField(TextField):
    """Text that is encrypted in the database. It cannot be searched or sorted."""

    def get_prep_value(self, value: str | None) -> str | None:
        """Encrypt the value for the database."""
        if isinstance(value, UnreadableText):
            return value.token
        return None if value is None else encrypt(value)

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Decrypt a database value; return `UnreadableText` if no key can."""
        if value is None:
            return None
        try:
            return decrypt(value)
        except CredentialsUnreadableError:
            return UnreadableText(value)
