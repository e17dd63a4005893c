"""Refuse passwords while local accounts are switched off (`VIGIL_LOCAL_ACCOUNTS=0`)."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from vigil_apps.identity.models import PasswordException


class LocalAccountsBackend:
    """Comes before the backend that checks passwords. It authenticates nobody itself.

    No subclass of `BaseBackend`: with `get_user`, Django would take it for one that sessions can name.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **rest: Any
    ) -> None:
        """Stop the authentication by password, unless an exception for the user is valid."""
        if settings.VIGIL_LOCAL_ACCOUNTS or password is None:
            return
        if not PasswordException.objects.filter(user__username=username, until__gt=timezone.now()).exists():
            raise PermissionDenied


def password_allow(*, user: User, until: datetime) -> None:
    """Let the user sign in by password until then."""
    exception = PasswordException.objects.filter(user=user).first() or PasswordException(user=user)
    exception.until = until
    exception.save()
