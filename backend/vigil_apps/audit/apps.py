"""The app's configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit trail. Apps say in their `ready` what of theirs is tracked: see `vigil_apps.audit.tracking`."""

    name = "vigil_apps.audit"
    default_auto_field = "django.db.models.BigAutoField"
