"""Sign-in by identity providers, the user's own identities, and group mappings."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import SignupClosedException
from allauth.socialaccount.internal.flows.connect import disconnect, validate_disconnect
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.identity.core.problems import Problem, SignInProblemError
from vigil_apps.identity.core.providers import Provider
from vigil_apps.identity.openid import RefusedError, SignInAdapter, UnavailableError
from vigil_apps.identity.pages import problem_page
from vigil_apps.identity.providers import providers


@never_cache
@require_POST
def provider_sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the provider; by POST only, so that a link elsewhere cannot sign anyone in."""
    provider = _provider(provider_id)
    request.GET = QueryDict()  # allauth would add scopes and parameters from the query
    response = _with_problem_page(request, provider, OAuth2LoginView.adapter_view)
    return leave_for(request, response["Location"]) if response.status_code == 302 else response


@never_cache
@require_GET
def provider_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Receive the browser back from the provider."""
    return _with_problem_page(request, _provider(provider_id), OAuth2CallbackView.adapter_view)


@require_GET
def cancelled(request: HttpRequest) -> HttpResponse:
    """Return to the sign-in page."""
    return redirect("account_login")


@require_GET
def connections(request: HttpRequest) -> HttpResponse:
    """Return to the page of the user's own identities."""
    return redirect("dashboard:settings-identities")


@require_POST
@sign_in_required
def identity_disconnect(request: UserRequest, account_id: int) -> HttpResponse:
    """Disconnect one of the user's own identities, unless it is their only way to sign in."""
    account = get_object_or_404(SocialAccount, pk=account_id, user=request.user)
    try:
        validate_disconnect(request, account)
    except ValidationError:
        messages.error(request, _("This is your only way to sign in. Ask an administrator to set a password first."))
    else:
        disconnect(request, account)
    return redirect("dashboard:settings-identities")


def leave_for(request: HttpRequest, url: str) -> HttpResponse:
    """Return a page that goes on to a page elsewhere.

    Not a redirect: this answers a form, and browsers apply `form-action` of the Content-Security-Policy to redirects,
    too. The policy cannot name all servers to which a provider may forward the browser.
    """
    if urlsplit(url).netloc in {"", request.get_host()}:
        return HttpResponseRedirect(url)
    response = render(request, "dashboard/leaving.html", {"url": url, "host": urlsplit(url).hostname})
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def own_identities(request: UserRequest) -> dict[str, Any]:
    """Return the user's identities, and the providers that they can still connect."""
    accounts = SocialAccount.objects.filter(user=request.user).order_by("provider")
    known = providers()
    connected = [
        {"id": one.pk, "provider": known[one.provider].name if one.provider in known else one.provider}
        for one in accounts
    ]
    used = {one.provider for one in accounts}
    return {"connected": connected, "others": [one for one in known.values() if one.id not in used]}


def _with_problem_page(request: HttpRequest, provider: Provider, view_of: Callable[..., Any]) -> HttpResponse:
    try:
        response: HttpResponse = view_of(SignInAdapter(request, provider.id))(request)
    except SignInProblemError as error:
        return problem_page(request, provider.name, error)
    except (UnavailableError, RequestException):
        return problem_page(request, provider.name, SignInProblemError(Problem.UNREACHABLE))
    except (RefusedError, SignupClosedException, ValidationError):
        return problem_page(request, provider.name, SignInProblemError(Problem.REFUSED))
    return response


def _provider(provider_id: str) -> Provider:
    found = providers().get(provider_id)
    if found is None:
        raise Http404
    return found
