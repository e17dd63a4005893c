"""Sign-in with a second factor: its step, and how a user confirms a change."""

from typing import Any

from allauth.core import context

from vigil_apps.accounts.sign_in import AccountAdapter
from vigil_apps.second_factor.selectors import has_factor

_STAGES = {"allauth.mfa.stages.AuthenticateStage": "vigil_apps.second_factor.stages.SecondFactorStage"}


class SecondFactorAdapter(AccountAdapter):
    """The account adapter, with the second factor."""

    def get_login_stages(self) -> list[str]:
        """Return allauth's steps, with Vigil's for the second factor."""
        return [_STAGES.get(stage, stage) for stage in super().get_login_stages()]

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return how the user can confirm a change: by a factor if they have one, else by their password."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and has_factor(user):
            return [method for method in methods if method["id"].startswith("mfa_")]
        return methods

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Return whether a change must be confirmed.

        A user who came by a proxy or a provider has no password; their first factor is added without a confirmation.
        """
        required = bool(super().is_reauthentication_required(app=app))
        user = context.request.user
        return required and bool(not user.is_authenticated or self.get_reauthentication_methods(user))
