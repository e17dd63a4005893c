"""The audit log's view of tokens and users: no digests, and of passwords only whether they changed."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist

from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.audit.tracking import Tracked, fingerprint, track

_USER = ("username", "email", "is_active", "is_staff", "is_superuser")


def _token(token: AuthToken) -> dict[str, Any]:
    return {
        "user": token.user_id,
        "scope": token.scope,
        "name": token.name,
        "camera": token.camera_id,
        "expires_at": token.expiry.isoformat() if token.expiry is not None else None,
    }


def _site_id(token: AuthToken) -> int | None:
    try:
        return token.camera.site_id if token.camera is not None else None
    except ObjectDoesNotExist:  # the camera is already deleted, and the token with it
        return None


def _user(user: User) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(user, name) for name in _USER}
    return {**shown, "password_fingerprint": fingerprint(user.password)}


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "name": invitation.name,
        "site": invitation.site_id,
        "role": invitation.role,
        "expires_at": invitation.expires_at.isoformat(),
        "used_by": invitation.used_by_id,
    }


def connect() -> None:
    """Start tracking."""
    track(AuthToken, Tracked("token", _token, _site_id, lambda token: str(token.public_id)))
    track(Invitation, Tracked("invitation", _invitation, lambda invitation: invitation.site_id))
    track(User, Tracked("user", _user))
