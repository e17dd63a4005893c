"""Tokens and invitations: stored as SHA-512 hashes of 256 random bits, with an expiry; the text is shown once."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q
from knox.models import AbstractAuthToken

from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role


class AuthToken(AbstractAuthToken):  # type: ignore[misc] # knox has no types
    """One token. Its text is known only when it is created."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.USER)
    name = models.CharField(max_length=100, blank=True)
    camera = models.ForeignKey(
        "surveillance.Camera", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            CheckConstraint(
                condition=Q(scope=Scope.DETECTOR, camera__isnull=False)
                | (~Q(scope=Scope.DETECTOR) & Q(camera__isnull=True)),
                name="token_camera_iff_detector",
                violation_error_message="A detector's token names a camera, and no other token does.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope} token {self.name or self.public_id}"


class Invitation(models.Model):
    """Admits one person once: to the backend, and to a site if it names one."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    digest = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=100, blank=True, help_text="For whom it is.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"invitation {self.name or self.public_id}"
