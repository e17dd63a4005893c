"""The audit log in Django's admin, read-only."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from vigil_apps.audit.models import AuditEntry

if TYPE_CHECKING:  # generic for the type checker only
    ModelAdmin = admin.ModelAdmin[AuditEntry]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):
    """Lists entries; none can be added, changed or deleted."""

    list_display = ("at", "actor_name", "via", "address", "action", "kind", "object_name")
    list_filter = ("kind", "action", "via")
    search_fields = ("actor_name", "object_name")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Deny it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Deny it."""
        return False
