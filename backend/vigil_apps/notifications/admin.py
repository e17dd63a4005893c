"""Notifications in Django's admin, read-only: only users decide where they are notified."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.notifications.services.subscriptions import masked_target

if TYPE_CHECKING:  # generic for the type checker only
    SubscriptionModelAdmin = admin.ModelAdmin[Subscription]
    MessageModelAdmin = admin.ModelAdmin[Message]
else:
    SubscriptionModelAdmin = MessageModelAdmin = admin.ModelAdmin


@admin.register(Subscription)
class SubscriptionAdmin(SubscriptionModelAdmin):
    """Subscriptions of all users with masked targets. They can be deleted."""

    list_display = ("name", "user", "channel", "is_active", "created_at")
    list_filter = ("channel", "is_active")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    exclude = ("target",)
    readonly_fields: ClassVar[tuple[str, ...]] = (
        *(field.name for field in Subscription._meta.fields if field.name != "target"),
        "masked_target",
    )

    @admin.display(description="target")
    def masked_target(self, subscription: Subscription) -> str:
        """Return the masked target, which is enough to identify it."""
        return ", ".join(f"{name}: {value}" for name, value in masked_target(subscription).items())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it: users create their own."""
        return False


@admin.register(Message)
class MessageAdmin(MessageModelAdmin):
    """Messages, with the reason why the last attempt failed."""

    list_display = ("id", "subscription", "kind", "state", "attempts", "created_at", "settled_at", "reason")
    list_filter = ("state", "subscription__channel")
    list_select_related = ("subscription",)
    show_full_result_count = False
    readonly_fields: ClassVar[tuple[str, ...]] = tuple(field.name for field in Message._meta.fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it: messages are created from alerts."""
        return False
