"""Django configuration of the app `vigil_apps.audit`."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit log. Apps register their tracked models in `ready`: see `vigil_apps.audit.tracking`."""

    name = "vigil_apps.audit"
    default_auto_field = "django.db.models.BigAutoField"
