"""Refuse passwords, and sessions that began with one, while local accounts are off (`VIGIL_LOCAL_ACCOUNTS=0`)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, logout
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from vigil_apps.accounts.sign_in import PASSWORD_BACKEND
from vigil_apps.identity.models import PasswordException
from vigil_apps.identity.sign_out import is_of_provider


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
        if not _has_exception(Q(user__username=username)):
            raise PermissionDenied


class LocalSessionsMiddleware:
    """Ends a session of a local account with its next request: it began before passwords were switched off.

    A session by an exception ends with the exception. Sessions of providers and of a proxy stay.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.VIGIL_LOCAL_ACCOUNTS and _is_local(request) and not _may_stay(request):
            logout(request)
        return self.get_response(request)


def _is_local(request: HttpRequest) -> bool:
    backend = request.session.get(BACKEND_SESSION_KEY)
    return backend == PASSWORD_BACKEND and not is_of_provider(request)


def _may_stay(request: HttpRequest) -> bool:
    return _has_exception(Q(user_id=request.session[SESSION_KEY]))


def _has_exception(of_user: Q) -> bool:
    return PasswordException.objects.filter(of_user, until__gt=timezone.now()).exists()


def password_allow(*, user: User, until: datetime) -> None:
    """Let the user sign in by password until then."""
    exception = PasswordException.objects.filter(user=user).first() or PasswordException(user=user)
    exception.until = until
    exception.save()
