"""Django configuration of the app `vigil_apps.accounts`."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tokens and permissions."""

    name = "vigil_apps.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing the tracked models."""
        from vigil_apps.accounts import audited

        audited.connect()
