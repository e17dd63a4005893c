"""The file of identity providers (`VIGIL_IDENTITY_PROVIDERS_FILE`)."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, field_validator

Text = Annotated[str, Field(min_length=1, max_length=255)]
PROXY = "proxy"
"""Stands for the reverse proxy in identities and mappings; no provider may have this id."""


class ProviderFileError(ValueError):
    """The file is not valid; the text names the field and the correct form, without values."""


class Provider(BaseModel):
    """One OpenID provider."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    name: str = Field(min_length=1, max_length=40)
    issuer: str = Field(max_length=500)
    client_id: Text
    client_secret_file: Path | None = None
    scopes: tuple[Text, ...] = Field(default=("openid", "profile", "email"), min_length=1, max_length=20)
    groups_claim: Text = "groups"
    allowed_groups: tuple[Text, ...] = Field(default=(), max_length=100)
    create_accounts: bool = True
    link_by_verified_email: bool = False
    token_auth_method: Literal["client_secret_basic", "client_secret_post"] | None = None
    _client_secret: SecretStr = PrivateAttr(default=SecretStr(""))  # no field: it does not belong in the file

    @property
    def client_secret(self) -> SecretStr:
        """The content of `client_secret_file`; empty for a public client."""
        return self._client_secret

    @field_validator("id")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value == PROXY:
            raise ValueError(f"must not be {PROXY!r}, which stands for VIGIL_REMOTE_USER_HEADER")
        return value

    @field_validator("issuer")
    @classmethod
    def _is_secure(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or parts.scheme not in {"https", "http"} or (parts.scheme == "http" and not is_local):
            raise ValueError("must be like https://sso.example/realms/main (http only on this machine)")
        return value.rstrip("/")

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_id_token(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("must contain openid")
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    providers: tuple[Provider, ...] = Field(max_length=20)


def read_providers(path: Path) -> dict[str, Provider]:
    """Return the file's providers by id, with their secrets. Raises ProviderFileError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProviderFileError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ProviderFileError(f"{path} is not valid YAML") from None
    try:
        found = _File.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{_place(one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False)
        )
        raise ProviderFileError(f"{path}: {problems}") from None
    providers = {one.id: one for one in found.providers}
    if len(providers) != len(found.providers):
        raise ProviderFileError(f"{path}: providers: each needs an id of its own")
    for provider in providers.values():
        provider._client_secret = _secret(provider, path.parent)
    return providers


def allauth_app(provider: Provider) -> dict[str, Any]:
    """Return the provider as django-allauth expects it in SOCIALACCOUNT_PROVIDERS."""
    return {
        "provider_id": provider.id,
        "name": provider.name,
        "client_id": provider.client_id,
        "secret": provider.client_secret.get_secret_value(),
        "settings": {
            "server_url": provider.issuer,
            "scope": list(provider.scopes),
            "token_auth_method": provider.token_auth_method,
            "oauth_pkce_enabled": True,
        },
    }


def _secret(provider: Provider, directory: Path) -> SecretStr:
    """Return the secret. Without a file, the client is a public one, protected by PKCE alone.

    A relative path starts from the directory of the file of providers.
    """
    if provider.client_secret_file is None:
        return SecretStr("")
    try:
        return SecretStr((directory / provider.client_secret_file).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ProviderFileError(
            f"client_secret_file of {provider.id}: {provider.client_secret_file} cannot be read: {reason}"
        ) from None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the file"
