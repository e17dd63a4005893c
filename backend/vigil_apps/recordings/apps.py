"""Django configuration of the app `vigil_apps.recordings`."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Recorded segments, spans and gaps."""

    name = "vigil_apps.recordings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Add the housekeeping of recordings, and delete clips with their alerts."""
        from django.db.models.signals import post_delete

        from surveillance.models import Alert
        from vigil_apps.recordings import clips, housekeeping

        housekeeping.begin()
        post_delete.connect(clips.delete_recorded_clip, sender=Alert, dispatch_uid="recorded_clip")
