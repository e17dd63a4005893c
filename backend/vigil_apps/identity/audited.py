"""The audit log's view of identities and mappings: no tokens."""

from typing import Any

from vigil_apps.audit.tracking import Tracked, track
from vigil_apps.identity.models import GroupMapping, Identity, PasswordException


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "user": identity.user_id,
        "provider": identity.provider,
        "subject": identity.subject,
        "groups": identity.groups,
    }


def _mapping(mapping: GroupMapping) -> dict[str, Any]:
    return {
        "provider": mapping.provider,
        "group": mapping.group,
        "site": mapping.site_id,
        "role": mapping.role,
    }


def _exception(exception: PasswordException) -> dict[str, Any]:
    return {"user": exception.user_id, "until": exception.until.isoformat()}


def connect() -> None:
    """Start tracking."""
    track(Identity, Tracked("identity", _identity))
    track(GroupMapping, Tracked("group_mapping", _mapping, lambda mapping: mapping.site_id))
    track(PasswordException, Tracked("password_exception", _exception))
