"""Check a view's permitted scopes for each method. A method without scopes is denied.

A view declares `scopes = {"GET": {...}, "POST": {...}}`. Object permissions are not checked here: views use selectors
that return only visible objects, and everything else is 404.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.principal import NOBODY, Principal
from vigil_apps.accounts.scopes import Scope

if TYPE_CHECKING:  # rest_framework.views imports this module, by its setting
    from rest_framework.views import APIView

ScopeMap = Mapping[str, frozenset[Scope]]
USER = frozenset({Scope.USER})


def principal_of(request: Request) -> Principal:
    """Return the sender of the request; a signed-in browser acts as its user."""
    if isinstance(request.auth, AuthToken):
        return Principal.of_token(request.auth)
    return Principal.of_user(request.user) if isinstance(request.user, User) else NOBODY


def scope_of(request: Request) -> Scope | None:
    """Return the scope of the request's sender; None for an anonymous request."""
    return principal_of(request).scope


def user_of(request: Request) -> User:
    """Return the user of the request."""
    assert isinstance(request.user, User), "the view lets in nobody without a user"
    return request.user


class HasScope(BasePermission):
    """Permits the scopes that the view maps to the method; denies a method without scopes."""

    message = "This token may not do that."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the method permits the request's scope.

        Raises MethodNotAllowed if the view has no such method; an anonymous client has to sign in first.
        """
        scopes: ScopeMap = getattr(view, "scopes", {})
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else str(request.method)
        if method not in scopes and not hasattr(view, method.lower()) and scope_of(request) is not None:
            raise MethodNotAllowed(method)
        return scope_of(request) in scopes.get(method, frozenset())
