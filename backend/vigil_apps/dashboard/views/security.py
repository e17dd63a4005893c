"""The pages of a user's second factor. django-allauth implements the steps; the layout is Vigil's."""

from typing import Any
from urllib.parse import quote

from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import ReauthenticateView
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    EditWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.dashboard.views.settings import settings_context
from vigil_apps.dashboard.vocabulary import notice_lines
from vigil_apps.second_factor.adapter import can_have_passkeys
from vigil_apps.second_factor.forms import (
    AddAppForm,
    AddPasskeyForm,
    ConfirmCodeForm,
    RenamePasskeyForm,
    SignInCodeForm,
)
from vigil_apps.second_factor.requirement import Step
from vigil_apps.second_factor.selectors import factors_of, is_required_for, policy
from vigil_apps.second_factor.services import notices_dismiss
from vigil_apps.second_factor.sessions import pending_step

_OVERVIEW = reverse_lazy("mfa_index")


class _Private:
    """A page that is neither cached nor quoted in error reports, since it shows or receives secrets."""

    @method_decorator(never_cache)
    @method_decorator(sensitive_post_parameters())
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer the request."""
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class _Page(_Private):
    """A page of the settings."""

    request: UserRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the layout shows."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        context["is_set_up_required"] = pending_step(self.request) is Step.SET_UP
        return context | settings_context(self.request, "security")


class SecurityView(_Page, IndexView):  # type: ignore[misc]  # allauth has no types
    """The user's factors and what changed lately."""

    template_name = "dashboard/security/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the factors, each with the actions that it has."""
        user = self.request.user
        factors = factors_of(user)
        return super().get_context_data(**kwargs) | {
            "app": next((one for one in factors if one.type == Authenticator.Type.TOTP), None),
            "passkeys": [one for one in factors if one.type == Authenticator.Type.WEBAUTHN],
            "codes_left": _codes_left(factors),
            "can_have_passkeys": can_have_passkeys(self.request),
            "is_required": is_required_for(user, policy()),
            "notices": notice_lines(user),
        }


class _Proof:
    """A page that adds a factor. The user has then proved it, and is not asked for it again in this session."""

    request: UserRequest
    factor: Authenticator.Type

    def form_valid(self, form: Form) -> HttpResponse:
        """Store that the session has proved a factor."""
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        record_authentication(self.request, self.request.user, "mfa", type=self.factor)
        return response


class AppAddView(_Proof, _Page, ActivateTOTPView):  # type: ignore[misc]
    """QR code and first code of a new authenticator app."""

    template_name = "dashboard/security/app_add.html"
    form_class = AddAppForm
    factor = Authenticator.Type.TOTP


class AppRemoveView(_Page, DeactivateTOTPView):  # type: ignore[misc]
    """Confirmation."""

    template_name = "dashboard/security/app_remove.html"


class PasskeyAddView(_Proof, _Page, AddWebAuthnView):  # type: ignore[misc]
    """Name of a new passkey; the browser creates it."""

    template_name = "dashboard/security/passkey_add.html"
    form_class = AddPasskeyForm
    factor = Authenticator.Type.WEBAUTHN


class PasskeyRenameView(_Page, EditWebAuthnView):  # type: ignore[misc]
    """Another name for a passkey."""

    template_name = "dashboard/security/passkey_rename.html"
    form_class = RenamePasskeyForm
    success_url = _OVERVIEW


class PasskeyRemoveView(_Page, RemoveWebAuthnView):  # type: ignore[misc]
    """Confirmation."""

    template_name = "dashboard/security/passkey_remove.html"
    success_url = _OVERVIEW


class CodesView(_Page, ViewRecoveryCodesView):  # type: ignore[misc]
    """The recovery codes; shown once."""

    template_name = "dashboard/security/codes.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the codes as a file: the page cannot be requested again to download them."""
        context = super().get_context_data(**kwargs)
        if context["can_view_codes"]:
            text = "".join(f"{code}\n" for code in context["unused_codes"])
            context["download"] = f"data:text/plain;charset=utf-8,{quote(text)}"
        return context


class CodesCreateView(_Page, GenerateRecoveryCodesView):  # type: ignore[misc]
    """Confirmation: new codes replace the old ones."""

    template_name = "dashboard/security/codes_create.html"


class _Confirm(_Private):
    """A page that asks the signed-in user for a factor or the password."""

    template_name = "dashboard/security/confirm.html"


class ConfirmByPasswordView(_Confirm, ReauthenticateView):  # type: ignore[misc]
    """By the password, for a user without a factor."""


class ConfirmByCodeView(_Confirm, ReauthenticateByCodeView):  # type: ignore[misc]
    """By a code of the authenticator app, or a recovery code."""

    form_class = ConfirmCodeForm


class ConfirmByPasskeyView(_Confirm, ReauthenticateWebAuthnView):  # type: ignore[misc]
    """By a passkey."""


class SecondStepView(_Private, AuthenticateView):  # type: ignore[misc]
    """The second step of a sign-in."""

    template_name = "dashboard/second_step.html"
    form_class = SignInCodeForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the user has."""
        types = {factor.type for factor in factors_of(self.stage.login.user)}
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "has_app": Authenticator.Type.TOTP in types,
            "has_passkey": Authenticator.Type.WEBAUTHN in types,
        }


class PasskeySignInView(LoginWebAuthnView):  # type: ignore[misc]
    """Sign-in by a passkey alone."""


@require_POST
@sign_in_required
def notices_dismissed(request: UserRequest) -> HttpResponse:
    """Dismiss the notices about changed factors."""
    notices_dismiss(user=request.user)
    return redirect("dashboard:settings-security")


def offers_passkeys(request: HttpRequest) -> bool:
    """Return whether the sign-in page offers passkeys: some user has one, and they work on this host."""
    is_used = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).exists
    return can_have_passkeys(request) and bool(is_used())


def _codes_left(factors: list[Authenticator]) -> int | None:
    codes = next((one for one in factors if one.type == Authenticator.Type.RECOVERY_CODES), None)
    if codes is None:
        return None
    return int(mfa_settings.RECOVERY_CODE_COUNT) - int(codes.data.get("used_mask", 0)).bit_count()


PAGES = (
    ("", SecurityView, "mfa_index"),
    ("app/add/", AppAddView, "mfa_activate_totp"),
    ("app/remove/", AppRemoveView, "mfa_deactivate_totp"),
    ("passkeys/add/", PasskeyAddView, "mfa_add_webauthn"),
    ("passkeys/<int:pk>/rename/", PasskeyRenameView, "mfa_edit_webauthn"),
    ("passkeys/<int:pk>/remove/", PasskeyRemoveView, "mfa_remove_webauthn"),
    ("codes/", CodesView, "mfa_view_recovery_codes"),
    ("codes/create/", CodesCreateView, "mfa_generate_recovery_codes"),
    ("confirm/password/", ConfirmByPasswordView, "account_reauthenticate"),
    ("confirm/code/", ConfirmByCodeView, "mfa_reauthenticate"),
    ("confirm/passkey/", ConfirmByPasskeyView, "mfa_reauthenticate_webauthn"),
)
"""URL, view and name of each page. django-allauth finds the pages by these names."""
