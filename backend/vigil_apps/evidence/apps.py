"""Django configuration of the app `vigil_apps.evidence`."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Cases, their exports, and the keys that sign them."""

    name = "vigil_apps.evidence"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing, and add the housekeeping of exports."""
        from vigil_apps.evidence import audited, housekeeping

        audited.connect()
        housekeeping.begin()
