"""Rate limit of REST framework's views: by token, user or address."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import SERVICE_SCOPES
from vigil_apps.web.clients import seconds_of_client
from vigil_apps.web.rate_limits import seconds_to_wait

if TYPE_CHECKING:  # rest_framework.views imports this module, by its setting
    from rest_framework.views import APIView


def seconds_of_token(token: AuthToken) -> int:
    """Count a request with this token, like `seconds_to_wait`.

    Service tokens are not limited: one may send the alerts of a thousand cameras, and each camera has its own limit.
    """
    return 0 if token.scope in SERVICE_SCOPES else seconds_to_wait("token", str(token.public_id))


class RateLimit(BaseThrottle):
    """Limits by token, by user for browser sessions, and by client for anonymous requests."""

    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return whether the request may proceed."""
        if isinstance(request.auth, AuthToken):
            self._wait = seconds_of_token(request.auth)
        elif request.user.is_authenticated:
            self._wait = seconds_to_wait("token", f"user-{request.user.pk}")
        else:
            self._wait = seconds_of_client(request._request)
        return not self._wait

    def wait(self) -> float:
        """Return the seconds until another request may succeed."""
        return self._wait
