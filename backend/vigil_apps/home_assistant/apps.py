"""Django configuration of the app `vigil_apps.home_assistant`."""

from django.apps import AppConfig


class HomeAssistantConfig(AppConfig):
    """Settings and publisher of the Home Assistant integration."""

    name = "vigil_apps.home_assistant"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing."""
        from vigil_apps.home_assistant import audited

        audited.connect()
