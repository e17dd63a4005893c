"""Authenticate `Authorization: Token <token>` and determine the scope."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from vigil_apps.accounts.models import AuthToken

LAST_USE_PRECISION = timedelta(minutes=1)
"""Maximum delay of the last-used time: writing it with each request would cost more than the request."""


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc] # knox has no types
    """Look up a token by its hash, in one query.

    knox looks up by the token's prefix and checks all tokens of the user with each request; a user with a thousand
    cameras has a thousand tokens.
    """

    def __init__(self, tokens: Mapping[str, AuthToken] | None = None) -> None:
        """`tokens` are the valid tokens of a group of requests by digest, so that none of these needs a query."""
        self._tokens = tokens

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        """Return the token's user and the token. Raises AuthenticationFailed, with one message for all causes."""
        digest = digest_of(token)
        tokens = valid_tokens({digest}) if self._tokens is None else self._tokens
        found = tokens.get(digest) if digest else None
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        return found.user, found


def digest_of(token: bytes) -> str:
    """Return the stored form of a token; empty if the text cannot be a token."""
    return str(hash_token(token.decode("ascii"))) if token.isascii() else ""


def valid_tokens(digests: Collection[str]) -> dict[str, AuthToken]:
    """Return the currently valid tokens among these, with their users, by digest, in one query."""
    now = timezone.now()
    good = {
        token.digest: token
        for token in AuthToken.objects.select_related("user").filter(digest__in=digests).order_by()
        if (token.expiry is None or token.expiry > now) and token.user.is_active
    }
    stale = [
        token.pk
        for token in good.values()
        if token.last_used_at is None or now - token.last_used_at >= LAST_USE_PRECISION
    ]
    if stale:
        AuthToken.objects.filter(pk__in=stale).update(last_used_at=now)
    return good
