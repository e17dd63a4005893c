"""The app's configuration."""

from django.apps import AppConfig


class SurveillanceConfig(AppConfig):
    """Cameras and alerts."""

    name = "surveillance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connects the receivers, and registers the system checks."""
        from surveillance import audited, receivers  # noqa: F401
        from surveillance_backend import checks  # noqa: F401

        audited.connect()
