"""Single sign-on by a reverse proxy (oauth2-proxy, Authelia, Authentik, …) that sends the user name in a header.

Enabled only if `VIGIL_REMOTE_USER_HEADER` names that header, since anyone who can set it can impersonate any user. A
new user gets an account without access to any site; a request without the header signs the user out. Tokens are not
affected.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.middleware import RemoteUserMiddleware
from django.http import HttpRequest


class ProxyUserMiddleware(RemoteUserMiddleware):
    """Django's middleware with the configured header."""

    @property
    def header(self) -> str:  # type: ignore[override]  # a class attribute in Django
        """Return the header's key in `request.META`."""
        name: str = settings.VIGIL_REMOTE_USER_HEADER
        return "HTTP_" + name.upper().replace("-", "_")


class ProxyUserBackend(RemoteUserBackend):
    """Django's backend; it creates accounts without a usable password."""

    def configure_user(self, request: HttpRequest | None, user: Any, created: bool = True) -> Any:
        """Give a new account an unusable password."""
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user
