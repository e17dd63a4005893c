"""Django configuration of the app `vigil_apps.identity`."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Identities at providers, and what their groups grant."""

    name = "vigil_apps.identity"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing, and record each sign-in by a provider."""
        from vigil_apps.identity import audited, receivers

        audited.connect()
        receivers.connect()
