"""Sign-out at the provider (OpenID Connect RP-Initiated Logout 1.0)."""

import logging
from urllib.parse import urlencode

from django.http import HttpRequest

from vigil_apps.identity.core.problems import SignInProblemError
from vigil_apps.identity.openid import RefusedError, UnavailableError, metadata_of
from vigil_apps.identity.providers import providers

log = logging.getLogger(__name__)

_SESSION_KEY = "vigil_identity"


def session_note(request: HttpRequest, *, provider: str, id_token: str) -> None:
    """Note in the session how it began, for its sign-out."""
    request.session[_SESSION_KEY] = {"provider": provider, "id_token": id_token}


def is_of_provider(request: HttpRequest) -> bool:
    """Return whether the session began with a sign-in by a provider."""
    return _SESSION_KEY in request.session


def provider_sign_out_url(request: HttpRequest, *, back_to: str) -> str:
    """Return the provider's page that ends its session, too; empty if there is none. Call it before the sign-out.

    `back_to`: the absolute URL to which the provider sends the browser afterwards.
    """
    noted = request.session.get(_SESSION_KEY)
    provider = providers().get(noted["provider"]) if isinstance(noted, dict) else None
    if provider is None or noted is None:
        return ""
    try:
        endpoint = str(metadata_of(provider).get("end_session_endpoint") or "")
    except (RefusedError, UnavailableError, SignInProblemError) as error:
        log.warning("provider=%s: its session stays open after the sign-out: %s", provider.id, error)
        return ""
    hint = {"id_token_hint": noted["id_token"]} if noted["id_token"] else {}
    query = urlencode({**hint, "client_id": provider.client_id, "post_logout_redirect_uri": back_to})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}" if endpoint.startswith("http") else ""
