"""Identities at providers, their sessions, group mappings, and what the mappings gave."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from surveillance.credentials import EncryptedTextField
from vigil_apps.identity.core.mapping import GROUP_LENGTH_MAX, STAFF, SUPERUSER
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role

MAPPED_ROLES = [
    *[(str(role.value), str(role.label)) for role in Role],
    (STAFF, "Staff: may use Django's admin"),
    (SUPERUSER, "System administrator"),
]


class Identity(models.Model):
    """A person at a provider, with the groups that the provider reported last."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    provider = models.CharField(max_length=63)
    subject = models.CharField(max_length=191)
    groups = models.JSONField(default=list)
    access_token = EncryptedTextField(blank=True, default="")
    access_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_token = EncryptedTextField(blank=True, default="")
    is_confirmed = models.BooleanField(default=True, help_text="False once the provider has refused it.")
    tokens_at = models.DateTimeField(help_text="When the tokens were stored: a version of them.")
    checked_at = models.DateTimeField(help_text="When the provider was last asked.", db_index=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["provider", "subject"], name="identity_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


class IdentitySession(models.Model):
    """A browser session that began with an identity, and ends with it."""

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"session of {self.identity}"


class GroupMapping(models.Model):
    """Members of a group at a provider get a role: in a site, or in the system."""

    provider = models.CharField(max_length=63, blank=True, help_text="Id of the provider. Empty: every provider.")
    group = models.CharField(max_length=GROUP_LENGTH_MAX, help_text="The group's name as the provider sends it.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="group_mappings")
    role = models.CharField(max_length=16, choices=MAPPED_ROLES)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            CheckConstraint(
                condition=Q(role__in=[STAFF, SUPERUSER], site__isnull=True)
                | Q(role__in=Role.values, site__isnull=False),
                name="group_mapping_site_iff_site_role",
                violation_error_message="A site role needs a site, and a system role has none.",
            ),
            UniqueConstraint(fields=["provider", "group", "site", "role"], name="group_mapping_once"),
            UniqueConstraint(
                fields=["provider", "group", "role"],
                condition=Q(site__isnull=True),
                name="group_mapping_system_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.role}"


class SystemGrant(models.Model):
    """The system roles that mappings gave a user; those given by hand are not in it, and are not taken away."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="system_grant")
    staff = models.BooleanField(default=False)
    superuser = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"system roles of {self.user}"


class PasswordException(models.Model):
    """A user who may sign in by password for a while although local accounts are switched off."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="password_exception")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"password of {self.user} until {self.until}"
