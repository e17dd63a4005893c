"""Determine the origin of a change: the current request, or the system itself."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from vigil_apps.audit.models import Via
from vigil_apps.web.addresses import address_of

log = logging.getLogger(__name__)

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)


@dataclass(frozen=True, slots=True)
class Origin:
    """The user, the kind of authentication, and the address."""

    user: User | None
    via: Via
    token_name: str
    address: str | None


class AuditMiddleware:
    """Makes the current request available. Its user is known only after the view has authenticated it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._has_warned = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._has_warned and _is_proxy_ignored(request):
            self._has_warned = True
            log.warning(
                "X-Forwarded-For from %s is ignored, since that address is not in FORWARDED_ALLOW_IPS: sign-in "
                "limits and the audit trail use it in place of the client's; if it is your proxy, add it "
                "(backend.trustedProxies of the chart)",
                address_of(request),
            )
        remembered = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(remembered)


def origin() -> Origin:
    """Return the origin of the current change. REST framework sets user and token on the plain request."""
    request = _request.get()
    if request is None:
        return Origin(None, Via.SYSTEM, "", None)
    user = request.user if isinstance(request.user, User) else None
    token = getattr(request, "auth", None)
    name = "" if token is None else str(token)
    return Origin(user, Via.SESSION if token is None else Via.TOKEN, name[:160], address_of(request))


def _is_proxy_ignored(request: HttpRequest) -> bool:
    """Return whether a proxy reports a client address that the request does not use."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    address = request.META.get("REMOTE_ADDR", "")
    return bool(forwarded and address) and address not in forwarded
