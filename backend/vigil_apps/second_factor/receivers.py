"""Signals of sign-ins and of changed factors."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset, authenticator_used
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from vigil_apps.second_factor import sessions
from vigil_apps.second_factor.models import Change
from vigil_apps.second_factor.notices import tell

_ADDED = {
    Authenticator.Type.TOTP: Change.TOTP_ADDED,
    Authenticator.Type.WEBAUTHN: Change.PASSKEY_ADDED,
    Authenticator.Type.RECOVERY_CODES: Change.CODES_CREATED,
}
_REMOVED = {
    Authenticator.Type.TOTP: Change.TOTP_REMOVED,
    Authenticator.Type.WEBAUTHN: Change.PASSKEY_REMOVED,
    Authenticator.Type.RECOVERY_CODES: Change.CODES_REMOVED,
}


def connect() -> None:
    """Connect all receivers."""
    user_logged_in.connect(on_signed_in, dispatch_uid="second_factor_step")
    authenticator_added.connect(on_added, dispatch_uid="second_factor_added")
    authenticator_removed.connect(on_removed, dispatch_uid="second_factor_removed")
    authenticator_reset.connect(on_added, dispatch_uid="second_factor_reset")
    authenticator_used.connect(on_used, dispatch_uid="second_factor_used")


def on_signed_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Decide what the new session must do first."""
    if request is not None and isinstance(user, User):
        sessions.remember(request, user)


def on_added(user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tell the user."""
    tell(user, _ADDED[authenticator.type], _name(authenticator))


def on_removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tell the user."""
    tell(user, _REMOVED[authenticator.type], _name(authenticator))


def on_used(user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tell the user of a used recovery code; other factors are used at every sign-in."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        tell(user, Change.CODE_USED)


def _name(authenticator: Authenticator) -> str:
    return str(authenticator.data.get("name", "")) if authenticator.type == Authenticator.Type.WEBAUTHN else ""
