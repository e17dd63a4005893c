"""Which scopes a view lets in, method by method. What is not written down is refused.

A view declares `scopes = {"GET": {...}, "POST": {...}}`. Ownership is not decided here: views ask selectors for what
the request may see, and what it may not see is 404.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
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
    """Return who sends the request; a signed-in browser acts as its user."""
    if isinstance(request.auth, AuthToken):
        return Principal.of_token(request.auth)
    return Principal.of_user(request.user) if isinstance(request.user, User) else NOBODY


def scope_of(request: Request) -> Scope | None:
    """Return the scope of whoever sends the request; None: nobody has signed in."""
    return principal_of(request).scope


def user_of(request: Request) -> User:
    """The user behind the request."""
    assert isinstance(request.user, User), "the view lets in nobody without a user"
    return request.user


class HasScope(BasePermission):
    """Lets in the scopes that the view maps to the method, and nobody where it maps none."""

    message = "This token may not do that."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the method is open to the request's scope."""
        scopes: ScopeMap = getattr(view, "scopes", {})
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else str(request.method)
        return scope_of(request) in scopes.get(method, frozenset())
