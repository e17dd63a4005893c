"""Let a session do nothing until it has set up or proved its second factor."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode

from vigil_apps.second_factor.requirement import Step
from vigil_apps.second_factor.sessions import pending_step

_ALWAYS = frozenset({"dashboard:logout", "account_logout", "healthz", "readyz"})
PAGES = {
    Step.SET_UP: _ALWAYS
    | {
        "mfa_index",
        "dashboard:settings-security",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "account_reauthenticate",
    },
    Step.VERIFY: _ALWAYS | {"mfa_reauthenticate", "mfa_reauthenticate_webauthn"},
}
"""Names of the views that a session may use before it has taken the step; all others are denied."""
_START = {Step.SET_UP: "mfa_index", Step.VERIFY: "mfa_reauthenticate"}
DETAIL = {
    Step.SET_UP: "Your role requires a second factor. Sign in to the dashboard and set one up.",
    Step.VERIFY: "Your account has a second factor. Sign in to the dashboard and confirm it.",
}


class SecondFactorMiddleware:
    """Redirects pages and refuses API requests of such sessions. API tokens are not affected."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Return the redirect or the refusal, or None to go on."""
        # Reading the session of a request without a cookie would add `Vary: Cookie` to the API's responses. A proxy's
        # header signs in without a cookie, and has accessed the session by then.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES and not request.session.accessed:
            return None
        step = pending_step(request)
        if not step or (request.resolver_match and request.resolver_match.view_name in PAGES[step]):
            return None
        if request.path_info.startswith("/api/"):
            return _for_api(request, step)
        response = HttpResponseRedirect(_start(request, step))
        patch_vary_headers(response, ("Cookie",))
        return response


def _for_api(request: HttpRequest, step: Step) -> HttpResponse | None:
    if "authorization" in request.headers:
        request.user = AnonymousUser()  # the token decides alone, not the session
        return None
    return JsonResponse({"detail": DETAIL[step]}, status=403, headers={"Cache-Control": "no-store"})


def _start(request: HttpRequest, step: Step) -> str:
    url = reverse(_START[step])
    if step is Step.SET_UP or request.method != "GET":
        return url
    return f"{url}?{urlencode({'next': request.get_full_path()})}"
