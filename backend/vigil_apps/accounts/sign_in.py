"""The one way in and out of a browser session: the steps of django-allauth, with Vigil's pages.

Passwords, identity providers and second factors all pass through `sign_in`, so that a step such as the second factor
cannot be avoided by another page. django-axes still counts wrong passwords (see `lockout.py`).
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from vigil_apps.web.clients import client_of

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105 a class name, not a secret
_SILENT = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Adapts allauth to Vigil: accounts come from invitations, administrators and identity providers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: allauth's sign-up page is not used."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client by which attempts are counted, as all other limits do."""
        client = client_of(request)
        return f"{client.peer} for {client.forwarded_for}" if client.forwarded_for else client.peer

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *rest: Any, **named: Any
    ) -> None:
        """Add a message for the next page; a sign-in or sign-out needs none."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, *rest, **named)

    def login(self, request: HttpRequest, user: User) -> None:
        """Start the session. After a second step, the user no longer carries the backend that checked the first."""
        if not hasattr(user, "backend"):
            user.backend = PASSWORD_BACKEND
        super().login(request, user)


def sign_in(request: HttpRequest, user: User, *, next_url: str = "") -> HttpResponse:
    """Continue after a correct password: return the next step, or start the session and redirect to `next_url`.

    The caller has checked that `next_url` is a page of this backend.
    """
    login = Login(user=user, redirect_url=next_url or None)
    response: HttpResponse = perform_password_login(request, {"username": user.get_username()}, login)
    return response
