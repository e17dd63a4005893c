"""Sites in Django's admin."""

from typing import TYPE_CHECKING

from django.contrib import admin

from vigil_apps.sites.models import Membership, Site

if TYPE_CHECKING:  # generic for the type checker only
    SiteModelAdmin = admin.ModelAdmin[Site]
    MembershipInline = admin.TabularInline[Membership, Site]
else:
    SiteModelAdmin = admin.ModelAdmin
    MembershipInline = admin.TabularInline


class Members(MembershipInline):
    """A site's members."""

    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Site)
class SiteAdmin(SiteModelAdmin):
    """Sites with their members."""

    list_display = ("name", "created_at")
    search_fields = ("name",)
    inlines = (Members,)
