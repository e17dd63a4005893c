"""django-allauth's forms of codes, with limits and single use that hold over processes and restarts.

allauth keeps both in Django's cache. Without Redis that is the memory of one process: a code would be valid once in
each process, and a restart would forget wrong codes.
"""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from surveillance.credentials import CredentialsUnreadableError, decrypt, encrypt
from vigil_apps.second_factor.single_use import take

LOCKED = _("Too many wrong codes for this user name from here. Wait 15 minutes, or ask an administrator.")
MAX_NAME_LENGTH = 100


class _LimitedCode:
    """Counts wrong codes in the database like wrong passwords, and accepts a code of an app once."""

    user: Any
    authenticator: Authenticator

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError."""
        request, credentials = context.request, {"username": self.user.get_username()}
        if AxesProxyHandler.is_locked(request, credentials):
            raise ValidationError(LOCKED, code="locked")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
            if self.authenticator.type == Authenticator.Type.TOTP and not take(self.authenticator, code):
                raise get_adapter().validation_error("incorrect_code")
        except ValidationError as error:
            if error.code == "incorrect_code":
                AxesProxyHandler.user_login_failed(type(self), credentials, request)
            raise
        # allauth used up a recovery code in another instance of the row.
        self.authenticator.refresh_from_db(fields=["data"])
        return code


class SignInCodeForm(_LimitedCode, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The second step of a sign-in."""


class ConfirmCodeForm(_LimitedCode, ReauthenticateForm):  # type: ignore[misc]
    """Confirmation before a change."""


class AddAppForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of a new authenticator app. Until then, its secret is in the session, encrypted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.secret = _pending_secret(is_kept=self.is_bound)


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""

    name = forms.CharField(label=_("Name"), required=False, max_length=MAX_NAME_LENGTH)
    passwordless = forms.BooleanField(
        label=_("Sign in with this passkey alone, without a password"),
        required=False,
        initial=True,
        help_text=_("The passkey then asks for your fingerprint, face or PIN."),
    )


class RenamePasskeyForm(EditWebAuthnForm):  # type: ignore[misc]
    """Another name of a passkey."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME_LENGTH)


def _pending_secret(*, is_kept: bool) -> str:
    session = context.request.session
    stored = session.get(SECRET_SESSION_KEY) if is_kept else None
    if stored:
        try:
            return decrypt(stored)
        except CredentialsUnreadableError:
            pass  # begin again, with a new secret
    secret: str = generate_totp_secret()
    session[SECRET_SESSION_KEY] = encrypt(secret)
    return secret
