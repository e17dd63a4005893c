"""Stream URLs encrypted at rest, with keys that can be changed while everything runs.

Fernet (AES-128-CBC with HMAC-SHA-256). The first key encrypts, all keys decrypt; `manage.py rotate_credentials`
encrypts everything anew with the first, after which the others can be dropped.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class CredentialsUnreadableError(ImproperlyConfigured):
    """None of the keys decrypts what is stored."""


class UnreadableText(str):
    """What a row holds whose key is missing: empty as a text, so that one row does not break a whole list.

    The token is kept and written back unchanged, so that a key that is found again still reads it.
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
    """The text as a Fernet token of the first key."""
    return _cipher(tuple(settings.VIGIL_CREDENTIAL_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """The text. Raises CredentialsUnreadableError when it was encrypted with a key that is not there any more."""
    try:
        return _cipher(tuple(settings.VIGIL_CREDENTIAL_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CredentialsUnreadableError(
            "stored stream URLs were encrypted with a key that VIGIL_CREDENTIAL_KEYS does not hold"
        ) from None


if TYPE_CHECKING:  # generic for the type checker only
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class EncryptedTextField(TextField):
    """Text that is encrypted in the database. It cannot be searched or ordered by."""

    def get_prep_value(self, value: str | None) -> str | None:
        """Python to database."""
        if isinstance(value, UnreadableText):
            return value.token
        return None if value is None else encrypt(value)

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Database to Python; `UnreadableText` where none of the keys decrypts the row."""
        if value is None:
            return None
        try:
            return decrypt(value)
        except CredentialsUnreadableError:
            return UnreadableText(value)
