"""The app's configuration."""

from django.apps import AppConfig


class SitesConfig(AppConfig):
    """Sites and their members."""

    name = "vigil_apps.sites"
    label = "vigil_sites"  # `sites` is the label of Django's own app of that name
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start the audit."""
        from vigil_apps.sites import audited

        audited.connect()
