"""Django configuration of the app `vigil_apps.sites`."""

from django.apps import AppConfig


class SitesConfig(AppConfig):
    """Sites, their members and their roles."""

    name = "vigil_apps.sites"
    label = "vigil_sites"  # `sites` is the label of an app of Django
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing the tracked models."""
        from vigil_apps.sites import audited

        audited.connect()
