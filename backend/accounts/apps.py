"""The app's configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tokens and permissions."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers the description of tokens in the OpenAPI schema."""
        from accounts.api import schema  # noqa: F401
