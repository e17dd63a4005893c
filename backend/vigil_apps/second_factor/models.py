"""The requirement of a second factor, and notices about changed factors."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q


class SecondFactorPolicy(models.Model):
    """The one row that says who needs a second factor. Without a row, nobody does."""

    required_for = models.JSONField(default=list, help_text="Roles: see requirement.Holder.")
    after_single_sign_on = models.BooleanField(
        default=False, help_text="Also after a sign-in by a proxy or an OpenID provider."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            CheckConstraint(condition=Q(id=1), name="second_factor_policy_is_one_row")
        ]

    def __str__(self) -> str:
        return "second factor policy"


class Change(models.TextChoices):
    """What happened to a user's factors."""

    TOTP_ADDED = "totp_added", "Authenticator app added"
    TOTP_REMOVED = "totp_removed", "Authenticator app removed"
    PASSKEY_ADDED = "passkey_added", "Passkey added"
    PASSKEY_REMOVED = "passkey_removed", "Passkey removed"
    CODES_CREATED = "codes_created", "Recovery codes created"
    CODES_REMOVED = "codes_removed", "Recovery codes removed"
    CODE_USED = "code_used", "Recovery code used"
    RESET = "reset", "Second factor reset by an administrator"


class FactorNotice(models.Model):
    """One change that the user is told about in the dashboard, until they dismiss it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="factor_notices")
    change = models.CharField(max_length=32, choices=Change.choices)
    name = models.CharField(max_length=100, blank=True, help_text="Name of the passkey.")
    at = models.DateTimeField(auto_now_add=True)
    is_dismissed = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.change} for {self.user}"
