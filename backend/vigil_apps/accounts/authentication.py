"""Authenticate `Authorization: Token <token>` and determine the scope."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from vigil_apps.accounts.models import AuthToken
from vigil_apps.web.statements import rows_of

LAST_USE_PRECISION = timedelta(minutes=1)
"""Maximum delay of the last-used time: writing it with each request would cost more than the request."""
_Rights = tuple[Any, ...]
_VALID = (
    "SELECT token.digest, {also}, token.scope, token.camera_id, token.user_id, owner.is_superuser"
    " FROM accounts_authtoken token JOIN auth_user owner ON owner.id = token.user_id"
    " WHERE token.digest IN (%s) AND owner.is_active AND (token.expiry IS NULL OR token.expiry > %s)"
)


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
        for digest in stale:
            good[digest].last_used_at = now
    return good


_RECENT: dict[str, tuple[_Rights, AuthToken]] = {}
"""Tokens of recent requests by digest, with the rights that they had when they were loaded."""
_MOST_RECENT = 1024


def recent_valid_tokens(digests: Collection[str]) -> dict[str, AuthToken]:
    """Return the same as `valid_tokens`, for frequent requests.

    Each use reads from the database whether the tokens are still valid and what they may do. Everything else about a
    token and its user may be a minute old.
    """
    return recent_valid_tokens_and("NULL", digests)[0]


def recent_valid_tokens_and(scalar: str, digests: Collection[str]) -> tuple[dict[str, AuthToken], Any]:
    """Return the tokens and the value of an SQL expression from the same statement; None without a valid token."""
    now = timezone.now()
    rights, value = _valid_rights(scalar, digests, now)
    recent = {digest: _recent_token(digest, one, now) for digest, one in rights.items()}
    found = {digest: token for digest, token in recent.items() if token is not None}
    missing = rights.keys() - found.keys()
    if missing:
        loaded = valid_tokens(missing)
        if len(_RECENT) + len(loaded) > _MOST_RECENT:
            _RECENT.clear()
        # The rights were read first: if they have changed since then, the next use loads the token again.
        _RECENT.update({digest: (rights[digest], token) for digest, token in loaded.items()})
        found |= loaded
    return found, value


def _valid_rights(scalar: str, digests: Collection[str], now: datetime) -> tuple[dict[str, _Rights], Any]:
    expired_at = connection.ops.adapt_datetimefield_value(now)
    rows = rows_of(_VALID.format(also=scalar), list(digests), str(expired_at))
    return {digest: tuple(rights) for digest, _, *rights in rows}, rows[0][1] if rows else None


def _recent_token(digest: str, rights: _Rights, now: datetime) -> AuthToken | None:
    """Return the token as it was loaded; None if it has to be loaded. Other threads may clear `_RECENT` meanwhile."""
    before, token = _RECENT.get(digest, (None, None))
    if token is None or token.last_used_at is None or before != rights:
        return None
    return token if now - token.last_used_at < LAST_USE_PRECISION else None
