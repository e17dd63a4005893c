"""The page of an invitation's link."""

from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from vigil_apps.accounts.invitations import (
    InvalidAccountError,
    InvalidInvitationError,
    NoLocalAccountsError,
    account_create_invited,
    invitation_accept,
    invitation_find,
)
from vigil_apps.accounts.sign_in import sign_in


class AccountForm(forms.Form):
    """User name and password of a new account; the services validate them."""

    username = forms.CharField(label=_("User name"), max_length=150)
    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters(), name="dispatch")
class InvitationPage(View):
    """Opening the link does not use the invitation up: messengers fetch links for previews."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Render the invitation: a button for a signed-in user, else a form, or the way to the identity provider."""
        return self._page(request, token, AccountForm())

    @sensitive_variables()
    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Create the account and sign in, or add the signed-in user to the site."""
        form = AccountForm(request.POST)
        try:
            if isinstance(request.user, User):
                invitation_accept(token=token, user=request.user)
                return redirect("/dashboard/")
            if form.is_valid():
                user = account_create_invited(token=token, **form.cleaned_data)
                return sign_in(request, user)
        except InvalidAccountError as error:
            for name, texts in error.errors.items():
                form.add_error(name if name in form.fields else None, texts)
        except (InvalidInvitationError, NoLocalAccountsError):
            pass  # the page shows the error, or the other way
        return self._page(request, token, form)

    def _page(self, request: HttpRequest, token: str, form: AccountForm) -> HttpResponse:
        try:
            invitation = invitation_find(token)
        except InvalidInvitationError as error:
            return render(request, "dashboard/invitation.html", {"problem": str(error)}, status=404)
        sign_in_url = f"{reverse('dashboard:login')}?{urlencode({'next': request.path})}"
        context = {
            "form": form,
            "invitation": invitation,
            "has_local_accounts": settings.VIGIL_LOCAL_ACCOUNTS,
            "sign_in_url": sign_in_url,
        }
        return render(request, "dashboard/invitation.html", context, status=422 if form.is_bound else 200)
