"""Record a completed sign-in by a provider: after the second factor, never before."""

from typing import Any

from allauth.account.signals import user_logged_in
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from vigil_apps.identity.adapter import groups_of_login
from vigil_apps.identity.models import Identity
from vigil_apps.identity.providers import providers
from vigil_apps.identity.services import Tokens, identity_delete, identity_record, session_bind
from vigil_apps.identity.sign_out import session_note

_UID = "vigil_apps.identity"


def on_logged_in(request: HttpRequest, user: User, sociallogin: Any = None, **_: Any) -> None:
    """Apply the groups, and tie the new session to the identity."""
    if sociallogin is None:
        return
    identity = _record(user, sociallogin)
    request.session.save()
    session_bind(identity=identity, session_key=str(request.session.session_key))
    session_note(request, provider=identity.provider, id_token=sociallogin.state.get("vigil_id_token", ""))


def on_connected(request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    """Apply the groups of an identity that the signed-in user has connected."""
    if request.user.is_authenticated:  # else the sign-in goes on, and `on_logged_in` follows
        _record(sociallogin.user, sociallogin)


def on_disconnected(socialaccount: Any, **_: Any) -> None:
    """Take away what the groups of a disconnected identity gave."""
    found = Identity.objects.filter(provider=socialaccount.provider, subject=socialaccount.uid).first()
    if found is not None:
        identity_delete(identity=found)


def connect() -> None:
    """Connect the receivers."""
    user_logged_in.connect(on_logged_in, dispatch_uid=_UID)
    social_account_added.connect(on_connected, dispatch_uid=_UID)
    social_account_removed.connect(on_disconnected, dispatch_uid=_UID)


def _record(user: User, sociallogin: Any) -> Identity:
    account, token = sociallogin.account, sociallogin.token
    return identity_record(
        user=user,
        provider=account.provider,
        subject=account.uid,
        groups=groups_of_login(providers()[account.provider], sociallogin),
        tokens=Tokens(token.token, token.expires_at, token.token_secret) if token is not None else Tokens(),
        now=timezone.now(),
    )
