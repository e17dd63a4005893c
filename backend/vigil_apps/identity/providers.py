"""The configured providers."""

from django.conf import settings

from vigil_apps.identity.core.providers import Provider


def providers() -> dict[str, Provider]:
    """Return the configured providers by id."""
    return settings.VIGIL_IDENTITY_PROVIDERS
