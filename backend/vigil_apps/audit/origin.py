"""Determine the origin of a change: the current request, or the system itself."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from vigil_apps.audit.models import Via
from vigil_apps.web.addresses import address_of
from vigil_apps.web.clients import client_of

log = logging.getLogger(__name__)

_actor: ContextVar["Origin | None"] = ContextVar("audit_actor", default=None)
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
        if not self._has_warned and client_of(request).forwarded_for:
            self._has_warned = True
            log.warning(
                "X-Forwarded-For from %s is not trusted, since that address is not in FORWARDED_ALLOW_IPS: the audit "
                "trail shows it instead of the client's address, and all its clients share a sign-in limit; if it is "
                "your proxy, add it (backend.trustedProxies of the chart)",
                address_of(request),
            )
        remembered = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(remembered)


@contextmanager
def acting_as(user: User, *, name: str) -> Iterator[None]:
    """Attribute changes to this user, on whose behalf `name`, an integration, acts without a request."""
    token = _actor.set(Origin(user, Via.SYSTEM, name[:160], None))
    try:
        yield
    finally:
        _actor.reset(token)


def origin() -> Origin:
    """Return the origin of the current change. REST framework sets user and token on the plain request."""
    if (actor := _actor.get()) is not None:
        return actor
    request = _request.get()
    if request is None:
        return Origin(None, Via.SYSTEM, "", None)
    user = request.user if isinstance(request.user, User) else None
    token = getattr(request, "auth", None)
    name = "" if token is None else str(token)
    return Origin(user, Via.SESSION if token is None else Via.TOKEN, name[:160], address_of(request))
