"""Serializers of the sites' endpoints."""

from typing import Any

from rest_framework import serializers

from surveillance.api.serializers import SiteRecordingField
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.web.strict_fields import StrictFields


class SiteSerializer(StrictFields, serializers.ModelSerializer[Site]):
    """A site with the user's role in it."""

    recording = SiteRecordingField(
        required=False, help_text="Defaults and ceilings for the recordings of the site's cameras."
    )
    role = serializers.SerializerMethodField(help_text="Your role; a superuser is an admin everywhere.")

    class Meta:
        model = Site
        fields = ("id", "name", "recording", "role", "created_at")
        read_only_fields = ("id", "created_at")

    def get_role(self, site: Site) -> Role:
        """Return the user's role; `roles` in the context maps site ids to roles."""
        return Role(self.context.get("roles", {}).get(site.pk, Role.ADMIN))


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member of a site."""

    user = serializers.IntegerField(source="user_id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Membership
        fields = ("user", "username", "role")
        read_only_fields = fields


class NewMemberSerializer(StrictFields, serializers.Serializer[Any]):
    """A new member of a site."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


class RoleSerializer(StrictFields, serializers.Serializer[Any]):
    """A member's new role."""

    role = serializers.ChoiceField(choices=Role.choices)
