"""`Authorization: Token <token>`: who is asking, and with which scope."""

from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from vigil_apps.accounts.models import AuthToken

LAST_USE_PRECISION = timedelta(minutes=1)
"""How old the noted time of last use may be: a write for each request would cost more than the request."""


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc] # knox has no types
    """Finds a token by its hash alone, in one query.

    knox looks by the token's beginning and walks through all tokens of the user on each request; a user with a
    thousand cameras has a thousand.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        """The token's user and the token. Raises AuthenticationFailed with the same words whatever was wrong."""
        digest = digest_of(token)
        found = valid_tokens({digest}).get(digest) if digest else None
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        return found.user, found


def digest_of(token: bytes) -> str:
    """How the token's text is kept; empty where it is no text of a token."""
    return str(hash_token(token.decode("ascii"))) if token.isascii() else ""


def valid_tokens(digests: Collection[str]) -> dict[str, AuthToken]:
    """Those of the tokens that are good at this moment, with their users, by digest; in one query."""
    now = timezone.now()
    good = {
        token.digest: token
        for token in AuthToken.objects.select_related("user").filter(digest__in=digests)
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
