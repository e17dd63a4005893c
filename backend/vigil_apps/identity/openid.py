"""Talk to OpenID providers: sign-in through django-allauth, and the later checks of groups."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx
import jwt
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.core.cache import cache
from django.utils import timezone

from vigil_apps.identity.core.problems import (
    SKEW_SECONDS_MAX,
    Problem,
    SignInProblemError,
    error_code,
    skew_problem,
)
from vigil_apps.identity.core.providers import Provider
from vigil_apps.identity.providers import providers
from vigil_apps.identity.services import Tokens

TIMEOUT_SECONDS = 5.0
METADATA_SECONDS = 600
_DISCOVERY = "/.well-known/openid-configuration"


class RefusedError(Exception):
    """The provider no longer confirms the identity."""


class UnavailableError(Exception):
    """The provider gave no usable answer, for example because it cannot be reached."""


def metadata_of(provider: Provider) -> dict[str, Any]:
    """Return the provider's metadata (OpenID Connect Discovery 1.0), cached. Raises UnavailableError."""
    key = f"vigil-openid-metadata:{provider.id}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None or found.get("issuer", "").rstrip("/") != provider.issuer:
        found = _json(_send("GET", provider.issuer + _DISCOVERY))
        # Section 4.3: another issuer's metadata would send codes and tokens elsewhere.
        if str(found.get("issuer", "")).rstrip("/") != provider.issuer:
            raise SignInProblemError(Problem.WRONG_ISSUER)
        cache.set(key, found, METADATA_SECONDS)
    return found


def tokens_refresh(provider: Provider, refresh_token: str) -> tuple[Tokens, dict[str, Any]]:
    """Return new tokens and the claims of a new ID token, if any. Raises RefusedError, UnavailableError."""
    metadata = metadata_of(provider)
    data = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    secret = provider.client_secret.get_secret_value()
    basic = None
    if secret and _uses_basic(provider, metadata):
        # RFC 6749, section 2.3.1: both parts are form-encoded first.
        basic = httpx.BasicAuth(quote_plus(provider.client_id), quote_plus(secret))
    else:
        data |= {"client_id": provider.client_id} | ({"client_secret": secret} if secret else {})
    answer = _send("POST", str(metadata.get("token_endpoint", "")), data=data, auth=basic)
    body = _json(answer)
    if not isinstance(body.get("access_token"), str):
        raise UnavailableError("the token endpoint answered without an access token")
    claims = id_token_claims(provider, str(body["id_token"])) if body.get("id_token") else {}
    return tokens_of(body, refresh_token), claims


def userinfo_of(provider: Provider, access_token: str) -> dict[str, Any]:
    """Return what the provider says about the user now. Raises RefusedError, UnavailableError."""
    url = str(metadata_of(provider).get("userinfo_endpoint", ""))
    if not url:
        return {}
    return _json(_send("GET", url, headers={"Authorization": f"Bearer {access_token}"}))


def tokens_of(body: dict[str, Any], former_refresh_token: str = "") -> Tokens:
    """Return the tokens of a token endpoint's answer."""
    seconds = body.get("expires_in")
    expires_at = None
    if isinstance(seconds, int | float):
        expires_at = timezone.now() + timedelta(seconds=min(float(seconds), 86400.0))
    return Tokens(str(body["access_token"]), expires_at, str(body.get("refresh_token") or former_refresh_token))


def id_token_claims(provider: Provider, id_token: str) -> dict[str, Any]:
    """Return the claims of an ID token that came from the token endpoint itself. Raises SignInProblemError.

    Its signature needs no check, since TLS authenticated the sender (OpenID Connect Core 1.0, section 3.1.3.7).
    """
    try:
        claims = jwt.decode(
            id_token,
            options={
                "verify_signature": False,
                "verify_aud": True,
                "verify_iss": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["iss", "sub", "aud", "exp", "iat"],
            },
            audience=provider.client_id,
            issuer=[provider.issuer, provider.issuer + "/"],
        )
    except jwt.PyJWTError:
        raise SignInProblemError(Problem.REFUSED) from None
    now = time.time()
    if problem := skew_problem(issued_at=float(claims["iat"]), now=now):
        raise problem
    if float(claims["exp"]) < now - SKEW_SECONDS_MAX:
        raise SignInProblemError(Problem.EXPIRED)
    return claims


class SignInAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """allauth's client with our checks of the issuer, of clocks, and of the subject."""

    @property
    def vigil_provider(self) -> Provider:
        """The provider's configuration."""
        return providers()[self.provider_id]

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's metadata."""
        return metadata_of(self.vigil_provider)

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: Any) -> Any:
        """Return the sign-in, with the raw ID token for the later sign-out at the provider."""
        login = super().complete_login(request, app, token, **kwargs)
        login.vigil_id_token = str(kwargs["response"].get("id_token") or "")
        data = login.account.extra_data
        # OpenID Connect Core 1.0, section 5.3.2: otherwise the userinfo is that of another person.
        if data.get("userinfo", {}).get("sub") != data.get("id_token", {}).get("sub"):
            raise SignInProblemError(Problem.SUBJECT_MISMATCH)
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        return id_token_claims(self.vigil_provider, id_token)

    def _fetch_user_info(self, access_token: str) -> dict[str, Any]:
        return userinfo_of(self.vigil_provider, access_token)


def _uses_basic(provider: Provider, metadata: dict[str, Any]) -> bool:
    if provider.token_auth_method is not None:
        return provider.token_auth_method == "client_secret_basic"  # noqa: S105 a method's name
    # RFC 8414: the default is client_secret_basic.
    return "client_secret_post" not in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])


def _send(method: str, url: str, **options: Any) -> httpx.Response:
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS, follow_redirects=False, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(type(error).__name__) from None
    if answer.is_success:
        return answer
    code = error_code(answer.text[:2000])
    # `invalid_client` and the like are faults of the set-up, which must not sign out all users.
    is_refusal = code == "invalid_grant" if method == "POST" else answer.status_code in {401, 403}
    raise (RefusedError if is_refusal else UnavailableError)(f"{answer.status_code} {code}".strip())


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        raise UnavailableError("the answer is not JSON") from None
    if not isinstance(body, dict):
        raise UnavailableError("the answer is not a JSON object")
    return body
