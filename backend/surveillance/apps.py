"""Django configuration of the app `surveillance`."""

from django.apps import AppConfig


class SurveillanceConfig(AppConfig):
    """Cameras and alerts."""

    name = "surveillance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signal receivers and start auditing."""
        from surveillance import audited, receivers  # noqa: F401

        audited.connect()
