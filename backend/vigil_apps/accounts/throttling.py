"""The rate limit of REST framework's views: by token, by user, or by address."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import SERVICE_SCOPES
from vigil_apps.web.addresses import address_of
from vigil_apps.web.rate_limits import seconds_to_wait

if TYPE_CHECKING:  # rest_framework.views imports this module, by its setting
    from rest_framework.views import APIView


def seconds_of_token(token: AuthToken) -> int:
    """Counts a request with this token, as `seconds_to_wait` does.

    Services are not limited by token: one may bring the alerts of a thousand cameras, and each of these has a limit.
    """
    return 0 if token.scope in SERVICE_SCOPES else seconds_to_wait("token", str(token.public_id))


class RateLimit(BaseThrottle):
    """By token, by user for a browser's session, and by address where nobody has to say who they are."""

    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Whether the request may go on."""
        if isinstance(request.auth, AuthToken):
            self._wait = seconds_of_token(request.auth)
        elif request.user.is_authenticated:
            self._wait = seconds_to_wait("token", f"user-{request.user.pk}")
        else:
            self._wait = seconds_to_wait("address", address_of(request._request) or "unknown")
        return not self._wait

    def wait(self) -> float:
        """Seconds until another request has a chance."""
        return self._wait
