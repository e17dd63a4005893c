"""Create, replace and expire users and tokens."""

from datetime import datetime, timedelta
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.web.quotas import TOKENS, lock, require_quota

GRACE = timedelta(minutes=10)
"""A replaced token stays valid for this long: until its pod is replaced or its user has stored the new one."""

LEAST_TOKEN_LENGTH = 40
"""Minimum length of a token from outside: 40 random letters and digits have 238 bits."""


def token_create(
    *, user: User, scope: Scope, name: str = "", lifetime: timedelta | None = None, camera: Model | None = None
) -> str:
    """Create a token and return its text, which cannot be read again. `lifetime` None: it does not expire.

    `camera`: the camera of a detector's token, as a plain id because this app must not import `surveillance`.
    """
    _, text = AuthToken.objects.create(user=user, scope=scope, name=name, expiry=lifetime, camera=camera)
    return cast("str", text)


@transaction.atomic
def user_token_create(
    *, user: User, name: str, lifetime: timedelta | None, instead_of: AuthToken | None = None
) -> str:
    """Create a token of scope `user` and return its text. Raises QuotaExceededError.

    `instead_of` is a token that the new one replaces; it does not count.
    """
    lock(user)
    others = AuthToken.objects.filter(user=user, scope=Scope.USER).exclude(pk=instead_of.pk if instead_of else None)
    require_quota(TOKENS, used=others.filter(Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())).count())
    return token_create(user=user, scope=Scope.USER, name=name, lifetime=lifetime)


@transaction.atomic
def token_rotate(*, token: AuthToken) -> str:
    """Replace a user's token by a new one of the same name and lifetime. The old one ends after `GRACE`.

    Raises QuotaExceededError: until they end, replaced tokens count.
    """
    lifetime = token.expiry - token.created if token.expiry is not None else None
    tokens_end(AuthToken.objects.filter(pk=token.pk), grace=GRACE)
    return user_token_create(user=token.user, name=token.name, lifetime=lifetime, instead_of=token)


@transaction.atomic
def service_token_replace(
    *, user: User, scope: Scope, name: str, lifetime: timedelta | None, grace: timedelta
) -> str:
    """Create a service token; earlier ones of the same user, scope and name expire after `grace`."""
    tokens_end(AuthToken.objects.filter(user=user, scope=scope, name=name), grace=grace)
    return token_create(user=user, scope=scope, name=name, lifetime=lifetime)


@transaction.atomic
def service_token_set(*, user: User, scope: Scope, name: str, text: str) -> bool:
    """Register this text as a service token; others of the same user, scope and name expire after `GRACE`.

    For installers that generate a secret and give it to both sides. Returns whether it is new; running it again
    changes nothing. Raises `ValueError` for a text that could be guessed.
    """
    if len(text) < LEAST_TOKEN_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"a token must be {LEAST_TOKEN_LENGTH} or more printable characters without spaces")
    digest = hash_token(text)
    tokens_end(AuthToken.objects.filter(user=user, scope=scope, name=name).exclude(digest=digest), grace=GRACE)
    found = AuthToken.objects.filter(digest=digest).first()
    if found is not None:
        if (found.user_id, found.scope) != (user.pk, scope):
            raise ValueError("this token is already in use for another user or scope")
        return False
    token = AuthToken(user=user, scope=scope, name=name, digest=digest, token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH])
    token.save(force_insert=True)
    return True


def tokens_end(tokens: QuerySet[AuthToken], *, grace: timedelta = GRACE) -> None:
    """Let the tokens expire after `grace`, unless they expire earlier."""
    end = timezone.now() + grace
    for token in tokens.filter(Q(expiry__isnull=True) | Q(expiry__gt=end)):  # saved one by one, for the audit trail
        token.expiry = end
        token.save(update_fields=["expiry"])


def expired_tokens_delete(*, now: datetime) -> int:
    """Delete expired tokens; return their number."""
    count, _ = AuthToken.objects.filter(expiry__lte=now).delete()
    return int(count)


@transaction.atomic
def user_ensure(*, username: str, password: str, is_superuser: bool) -> bool:
    """Create or update the user with this password and these rights. Return whether the user is new.

    Running it again changes nothing, so that sessions stay valid.
    """
    user, is_new = User.objects.get_or_create(username=username)
    changed = is_new
    if is_new or not user.check_password(password):
        user.set_password(password)
        changed = True
    if is_superuser and not (user.is_superuser and user.is_staff):
        user.is_superuser = user.is_staff = True
        changed = True
    if changed:
        user.save()
    return is_new


def user_set_active(*, user: User, is_active: bool) -> None:
    """Deactivate or reactivate an account. A deactivated account's sessions and tokens are rejected immediately."""
    if user.is_active != is_active:
        user.is_active = is_active
        user.save(update_fields=["is_active"])
