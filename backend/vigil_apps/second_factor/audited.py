"""The audit log's view of factors and of their requirement: no secrets."""

from typing import Any

from allauth.mfa.models import Authenticator

from vigil_apps.audit.tracking import Tracked, track
from vigil_apps.second_factor.models import SecondFactorPolicy


def _factor(factor: Authenticator) -> dict[str, Any]:
    shown: dict[str, Any] = {"user": factor.user_id, "type": factor.type}
    if factor.type == Authenticator.Type.WEBAUTHN:
        shown["name"] = factor.data.get("name", "")
    if factor.type == Authenticator.Type.RECOVERY_CODES:
        shown["used_codes"] = int(factor.data.get("used_mask", 0)).bit_count()
    return shown


def _policy(policy: SecondFactorPolicy) -> dict[str, Any]:
    return {"required_for": policy.required_for, "after_single_sign_on": policy.after_single_sign_on}


def connect() -> None:
    """Start tracking."""
    # An entry names the user: a factor's own number would tell nobody whose it is.
    track(Authenticator, Tracked("second factor", _factor, object_id=lambda factor: str(factor.user_id)))
    track(SecondFactorPolicy, Tracked("second factor policy", _policy))
