"""The step of django-allauth's sign-in that asks for the second factor."""

from allauth.account.authentication import get_authentication_records
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest

from vigil_apps.second_factor.selectors import policy


class SecondFactorStage(AuthenticateStage):  # type: ignore[misc]  # allauth has no types
    """Leaves the second factor to an OpenID provider, unless the administrator requires Vigil's own too."""

    def _should_handle(self, request: HttpRequest) -> bool:
        records = get_authentication_records(request, self.login.user)
        is_by_provider = any(record.get("method") == "socialaccount" for record in records)
        if is_by_provider and not policy().after_single_sign_on:
            return False
        return bool(super()._should_handle(request))
