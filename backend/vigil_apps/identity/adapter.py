"""Who may sign in by a provider, and with which account: the decisions that django-allauth asks for."""

import logging
from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from requests import RequestException

from vigil_apps.accounts.invitations import InvalidInvitationError, invitation_find
from vigil_apps.identity.core.mapping import groups_of_claims, has_group_overage
from vigil_apps.identity.core.problems import Problem, SignInProblemError, error_code
from vigil_apps.identity.core.providers import Provider
from vigil_apps.identity.models import Identity
from vigil_apps.identity.openid import SignInAdapter
from vigil_apps.identity.pages import problem_page
from vigil_apps.identity.providers import providers

log = logging.getLogger(__name__)


class IdentityAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Adapts allauth's provider sign-in to Vigil."""

    def list_apps(self, request: HttpRequest, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the providers of the settings; rows of allauth's table are not used."""
        return [app for app in super().list_apps(request, *args, **kwargs) if app.pk is None]

    def get_provider(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the provider with Vigil's client."""
        provider = super().get_provider(request, *args, **kwargs)
        provider.oauth2_adapter_class = SignInAdapter
        return provider

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return True: `pre_social_login` has already refused those who get no account."""
        return True

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Return the page of the user's own sign-in methods."""
        return reverse("dashboard:settings-identities")

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:
        """Fill in a new account. An address that the provider has not verified is left out."""
        user = super().populate_user(request, sociallogin, data)
        if not _has_verified_address(sociallogin):
            user.email = ""
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse who may not sign in; link an account only where that takes over nobody's."""
        provider = providers()[sociallogin.account.provider]
        sociallogin.state["vigil_id_token"] = getattr(sociallogin, "vigil_id_token", "")
        if not _has_verified_address(sociallogin):
            sociallogin.email_addresses = []
        try:
            _require_group(provider, sociallogin)
            if sociallogin.state.get("process") != AuthProcess.CONNECT and not sociallogin.is_existing:
                self._link_or_create(request, provider, sociallogin)
        except SignInProblemError as error:
            log.warning("sign-in by provider=%s refused: %s", provider.id, error)
            raise ImmediateHttpResponse(problem_page(request, provider.name, error)) from None

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """Show what went wrong and what to do; the log has the provider's error code."""
        problem = _problem_of(error, exception, extra_context or {})
        code = error_code(str(exception)) or str(request.GET.get("error", ""))[:64]
        reason = f"{type(exception).__name__}: {code}" if exception is not None else code
        log.warning("sign-in by provider=%s failed: %s (%r)", provider.sub_id, problem, reason)
        raise ImmediateHttpResponse(problem_page(request, provider.name, SignInProblemError(problem)))

    def _link_or_create(self, request: HttpRequest, provider: Provider, sociallogin: Any) -> None:
        address = sociallogin.email_addresses[0].email if sociallogin.email_addresses else ""
        owners = list(User.objects.filter(email__iexact=address)[:2]) if address else []
        if owners:
            owner = owners[0]
            is_linked = Identity.objects.filter(user=owner, provider=provider.id).exists()
            if not provider.link_by_verified_email or len(owners) > 1 or is_linked or not owner.is_active:
                raise SignInProblemError(Problem.ADDRESS_TAKEN)
            sociallogin.connect(request, owner)
        elif not provider.create_accounts and not _is_invited(sociallogin):
            raise SignInProblemError(Problem.NO_ACCOUNT)


def groups_of_login(provider: Provider, sociallogin: Any) -> tuple[str, ...]:
    """Return the groups that the provider reported at this sign-in."""
    data = sociallogin.account.extra_data
    sources = (data.get("userinfo", {}), data.get("id_token", {}))
    if has_group_overage(provider.groups_claim, *sources):
        log.warning(
            "provider=%s left out the groups of a user, because there are too many; limit the groups that it sends, "
            "for example to those assigned to the application",
            provider.id,
        )
    return groups_of_claims(provider.groups_claim, *sources)


def _is_invited(sociallogin: Any) -> bool:
    """Return whether the sign-in leads back to an open invitation, which permits a new account."""
    try:
        page = resolve(urlsplit(str(sociallogin.state.get("next") or "")).path)
        if page.url_name != "invitation":
            return False
        invitation_find(page.kwargs["token"])
    except (Resolver404, InvalidInvitationError):
        return False
    return True


def _has_verified_address(sociallogin: Any) -> bool:
    data = sociallogin.account.extra_data
    claims = data.get("userinfo") or data.get("id_token") or {}
    return claims.get("email_verified") is True


def _require_group(provider: Provider, sociallogin: Any) -> None:
    if provider.allowed_groups and not set(provider.allowed_groups) & set(groups_of_login(provider, sociallogin)):
        raise SignInProblemError(Problem.NOT_ALLOWED)


def _problem_of(error: Any, exception: Exception | None, context: dict[str, Any]) -> Problem:
    if error == AuthError.CANCELLED:
        return Problem.CANCELLED
    if isinstance(exception, RequestException):
        return Problem.UNREACHABLE
    if "state_id" in context and exception is None:
        return Problem.EXPIRED  # the state in the session is older than allauth keeps it, or of another browser
    return Problem.REFUSED
