"""Sign-in and sign-out."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.logout import logout
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from vigil_apps.accounts.sign_in import sign_in
from vigil_apps.dashboard.forms import SignInForm
from vigil_apps.dashboard.views.identities import leave_for
from vigil_apps.dashboard.views.security import offers_passkeys
from vigil_apps.identity.providers import providers
from vigil_apps.identity.sign_out import provider_sign_out_url


class SignInView(LoginView):
    """The sign-in page."""

    template_name = "dashboard/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the ways to sign in. Without local accounts, the form is shown on request: it is the way back in."""
        is_asked = "password" in self.request.GET or self.request.method == "POST"
        ways = {
            "providers": providers().values(),
            "offers_passkeys": offers_passkeys(self.request),
            "has_local_accounts": settings.VIGIL_LOCAL_ACCOUNTS,
            "has_password_form": settings.VIGIL_LOCAL_ACCOUNTS or is_asked,
        }
        return super().get_context_data(**kwargs) | ways

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Continue with the next step after the password."""
        return sign_in(self.request, form.get_user(), next_url=self.get_redirect_url())


class SignOutView(LogoutView):
    """Sign-out by POST only, so that a link elsewhere cannot sign users out."""

    @method_decorator(never_cache)
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session and an unfinished sign-in, then the provider's session."""
        page = self.get_success_url()
        provider_page = provider_sign_out_url(request, back_to=request.build_absolute_uri(page))
        logout(request, show_message=False)
        return leave_for(request, provider_page or page)


def only_local(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the view, which does not exist while local accounts are switched off."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.VIGIL_LOCAL_ACCOUNTS:
            raise Http404
        return view(request, *args, **kwargs)

    return checked


def inactive(request: HttpRequest) -> HttpResponse:
    """Render the page for a user who signed in correctly and whose account is deactivated."""
    return render(request, "dashboard/inactive.html", status=403)


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a visitor of Django's admin to the sign-in page; refuse a signed-in user who is not staff."""
    if not isinstance(request.user, User):
        return redirect_to_login(_next_page(request))
    if request.user.is_staff:
        return HttpResponseRedirect(_next_page(request))
    raise PermissionDenied


def _next_page(request: HttpRequest) -> str:
    page = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_ours else reverse("admin:index")
