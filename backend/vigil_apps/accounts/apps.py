"""The app's configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tokens and permissions."""

    name = "vigil_apps.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers the description of tokens in the OpenAPI schema, and starts the audit."""
        from vigil_apps.accounts import audited
        from vigil_apps.accounts.api import schema  # noqa: F401

        audited.connect()
