"""Tokens in Django's admin: list and revoke only; creating one would have to display its text."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from vigil_apps.accounts.models import AuthToken

if TYPE_CHECKING:  # generic for the type checker only
    ModelAdmin = admin.ModelAdmin[AuthToken]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(AuthToken)
class AuthTokenAdmin(ModelAdmin):
    """Lists tokens; deletion is the only possible change."""

    list_display = ("public_id", "user", "scope", "name", "camera", "created", "expiry", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("user__username", "name")
    fields: ClassVar[tuple[str, ...]] = (
        "public_id",
        "user",
        "scope",
        "name",
        "camera",
        "created",
        "expiry",
        "last_used_at",
    )
    list_select_related = ("user", "camera")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuthToken | None = None) -> bool:
        """Deny it."""
        return False
