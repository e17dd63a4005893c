"""Writes: users and tokens."""

from datetime import datetime, timedelta
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuthToken
from accounts.scopes import Scope

DETECTOR_GRACE = timedelta(minutes=10)
"""How long a detector's former token stays good: until the pod that holds it has been replaced."""


def token_create(
    *, user: User, scope: Scope, name: str = "", lifetime: timedelta | None = None, camera_id: int | None = None
) -> str:
    """Makes a token and returns its text, which cannot be had again. `lifetime` None: it does not end."""
    _, text = AuthToken.objects.create(user=user, scope=scope, name=name, expiry=lifetime, camera_id=camera_id)
    return cast("str", text)


@transaction.atomic
def detector_token_rotate(*, user: User, camera_id: int, name: str = "") -> str:
    """A new token for the camera's detector; the former ones end after `DETECTOR_GRACE`."""
    end = timezone.now() + DETECTOR_GRACE
    former = AuthToken.objects.filter(camera_id=camera_id, scope=Scope.DETECTOR)
    for token in former.filter(Q(expiry__isnull=True) | Q(expiry__gt=end)):
        token.expiry = end
        token.save(update_fields=["expiry"])
    return token_create(user=user, scope=Scope.DETECTOR, name=name, camera_id=camera_id)


def expired_tokens_delete(*, now: datetime) -> int:
    """Forgets tokens that have ended; returns how many."""
    count, _ = AuthToken.objects.filter(expiry__lte=now).delete()
    return int(count)


@transaction.atomic
def user_ensure(*, username: str, password: str, is_superuser: bool) -> bool:
    """Makes the user exist, with this password and these rights. Returns whether it is new.

    Running it again changes nothing, so that sessions stay valid.
    """
    user, is_new = User.objects.get_or_create(username=username)
    changed = is_new
    if not user.check_password(password):
        user.set_password(password)
        changed = True
    if is_superuser and not (user.is_superuser and user.is_staff):
        user.is_superuser = user.is_staff = True
        changed = True
    if changed:
        user.save()
    return is_new
