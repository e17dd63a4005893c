"""Groups that a trusted reverse proxy sends with each request (`VIGIL_REMOTE_GROUPS_HEADER`)."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from vigil_apps.identity.core.mapping import groups_of_header
from vigil_apps.identity.core.providers import PROXY
from vigil_apps.identity.models import Identity
from vigil_apps.identity.services import Tokens, identity_record

_BACKEND = "vigil_apps.accounts.single_sign_on.ProxyUserBackend"
_SESSION_KEY = "vigil_proxy_groups"


class ProxyGroupsMiddleware:
    """Applies the groups whenever they differ from those of the session's last request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._key = "HTTP_" + settings.VIGIL_REMOTE_GROUPS_HEADER.upper().replace("-", "_")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and request.session.get(BACKEND_SESSION_KEY) == _BACKEND:
            groups = list(groups_of_header(request.META.get(self._key, "")))
            if request.session.get(_SESSION_KEY) != groups:
                _apply(user, groups)
                request.session[_SESSION_KEY] = groups
        return self.get_response(request)


def _apply(user: User, groups: list[str]) -> None:
    found = Identity.objects.filter(provider=PROXY, subject=user.get_username()).first()
    if found is None or found.groups != groups or found.user_id != user.pk:
        identity_record(
            user=user,
            provider=PROXY,
            subject=user.get_username(),
            groups=groups,
            tokens=Tokens(),
            now=timezone.now(),
        )
