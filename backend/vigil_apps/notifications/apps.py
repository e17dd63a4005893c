"""Django configuration of the app `vigil_apps.notifications`."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Subscriptions and the outbox."""

    name = "vigil_apps.notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signal receivers and start auditing."""
        from vigil_apps.notifications import audited, metrics, receivers  # noqa: F401

        audited.connect()
        metrics.begin()
