"""Tokens: hashed at rest (SHA-512 of 256 random bits), with a scope, an optional end, and the time of last use."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from knox.models import AbstractAuthToken

from accounts.scopes import Scope


class AuthToken(AbstractAuthToken):  # type: ignore[misc] # knox has no types
    """One token. Its text is known only at the moment when it is made."""

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
