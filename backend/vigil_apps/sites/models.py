"""Sites and memberships."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from vigil_apps.sites.roles import Role


class Site(models.Model):
    """A place, or any other set of cameras with the same users. Unlike a camera's `group`, it controls access."""

    name = models.CharField(max_length=100)
    recording = models.JSONField(
        null=True, blank=True, help_text="As vigil_contracts.recording.SiteRecording. Null: all values of the server."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    mapped_role = models.CharField(
        max_length=16, choices=Role.choices, blank=True, default="", db_default="", editable=False
    )
    """The role that the user's groups give. Empty: `role` was given by a person."""
    manual_role = models.CharField(
        max_length=16, choices=Role.choices, blank=True, default="", db_default="", editable=False
    )
    """Beside `mapped_role`, the role that a person gave; `role` is the higher of both."""

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["site", "user"], name="member_once_per_site"),
            CheckConstraint(condition=Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.site}: {self.role}"
