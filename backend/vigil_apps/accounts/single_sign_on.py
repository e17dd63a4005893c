"""Single sign-on by a reverse proxy (oauth2-proxy, Authelia, Authentik, …) that names the person in a header.

On only where `VIGIL_REMOTE_USER_HEADER` names that header, since whoever can set it is whoever they say they are. A
person who is named for the first time gets an account that sees nothing until somebody shares a site with it; one who
is not named any more is signed out. Tokens go on as they are.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.middleware import RemoteUserMiddleware
from django.http import HttpRequest


class ProxyUserMiddleware(RemoteUserMiddleware):
    """Django's, with the header that the setting names."""

    @property
    def header(self) -> str:  # type: ignore[override]  # a class attribute in Django
        """The header's key in `request.META`."""
        name: str = settings.VIGIL_REMOTE_USER_HEADER
        return "HTTP_" + name.upper().replace("-", "_")


class ProxyUserBackend(RemoteUserBackend):
    """Django's, with accounts that no password opens."""

    def configure_user(self, request: HttpRequest | None, user: Any, created: bool = True) -> Any:
        """A new account's password is none."""
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user
