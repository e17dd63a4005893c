"""`Authorization: Token <token>`: who is asking, and with which scope."""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import AuthToken

LAST_USE_PRECISION = timedelta(minutes=1)
"""How old the noted time of last use may be: a write for each request would cost more than the request."""


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc] # knox has no types
    """Finds a token by its hash alone, in one query.

    knox looks by the token's beginning and walks through all tokens of the user on each request; a user with a
    thousand cameras has a thousand.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        """The token's user and the token. Raises AuthenticationFailed with the same words whatever was wrong."""
        try:
            digest = hash_token(token.decode("ascii"))
        except UnicodeDecodeError:
            raise AuthenticationFailed("Invalid token.") from None
        now = timezone.now()
        found = AuthToken.objects.select_related("user").filter(digest=digest).first()
        if found is None or (found.expiry is not None and found.expiry <= now) or not found.user.is_active:
            raise AuthenticationFailed("Invalid token.")
        if found.last_used_at is None or now - found.last_used_at >= LAST_USE_PRECISION:
            AuthToken.objects.filter(pk=found.pk).update(last_used_at=now)
        return found.user, found
