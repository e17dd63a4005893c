"""Identity providers for Django's settings."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from surveillance_backend.environment import Environment
from vigil_apps.identity.core.providers import Provider, ProviderFileError, allauth_app, read_providers


def identity_providers(environment: Environment) -> dict[str, Provider]:
    """Return the configured providers by id. Raises ImproperlyConfigured that names the setting."""
    if environment.identity_providers_file is None:
        return {}
    try:
        return read_providers(environment.identity_providers_file)
    except ProviderFileError as error:
        raise ImproperlyConfigured(f"VIGIL_IDENTITY_PROVIDERS_FILE: {error}") from None


def allauth_providers(providers: Mapping[str, Provider]) -> dict[str, Any]:
    """Return the providers as django-allauth reads them."""
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [allauth_app(one) for one in providers.values()]}}
