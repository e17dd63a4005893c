"""Django configuration of the app `vigil_apps.recordings`."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Recorded segments, spans and gaps."""

    name = "vigil_apps.recordings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Add the housekeeping of recordings."""
        from vigil_apps.recordings import housekeeping

        housekeeping.begin()
