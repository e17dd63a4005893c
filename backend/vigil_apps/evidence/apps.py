"""Django configuration of the app `vigil_apps.evidence`."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Cases, their exports, and the keys that sign them."""

    name = "vigil_apps.evidence"
    default_auto_field = "django.db.models.BigAutoField"
