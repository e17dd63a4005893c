"""The app's configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tokens and permissions."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers the description of tokens in the OpenAPI schema, and starts the audit."""
        from accounts import audited
        from accounts.api import schema  # noqa: F401

        audited.connect()
