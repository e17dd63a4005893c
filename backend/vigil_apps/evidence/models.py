"""Cases, their items and exports, and the public keys that verify exports."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q

from surveillance.models import LegalHold


class EvidenceKey(models.Model):
    """A public key of which the backend has had the private one. Rows are never deleted: old exports need theirs."""

    key_id = models.CharField(max_length=16, primary_key=True)
    public_key = models.TextField(help_text="PEM.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, help_text="When another key replaced it. Null: it signs.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-valid_from", "key_id"]

    def __str__(self) -> str:
        return self.key_id


class Case(models.Model):
    """Material for one investigation. While it is open, legal holds keep what it names.

    Members see the case and its finished exports. Membership gives no right to a camera.
    """

    title = models.CharField(max_length=200)
    reference = models.CharField(max_length=100, blank=True, help_text="Such as the number of the police report.")
    notes = models.TextField(max_length=10_000, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="own_cases",
        help_text="Null: the user was deleted, and superusers manage the case.",
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="cases", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return self.title


class CaseItem(models.Model):
    """An alert, or a period of a camera. It stays readable after the hold was lifted and the camera deleted."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="items")
    camera_id = models.PositiveBigIntegerField()
    camera_name = models.CharField(max_length=100, help_text="When the item was added.")
    alert_id = models.PositiveBigIntegerField(null=True, blank=True, help_text="Null: a period.")
    start = models.DateTimeField()
    end = models.DateTimeField()
    hold = models.OneToOneField(
        LegalHold,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="case_item",
        help_text="Null: it was lifted.",
    )
    added_by = models.CharField(max_length=150)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            CheckConstraint(condition=Q(end__gt=F("start")), name="case_item_forward"),
        ]

    def __str__(self) -> str:
        what = f"alert {self.alert_id}, " if self.alert_id is not None else ""
        return f"{what}{self.camera_name}: {self.start.isoformat()} to {self.end.isoformat()}"


class ExportState(models.TextChoices):
    """What a background job does with an export."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class CaseExport(models.Model):
    """An archive with the videos of a case, made by a background job (`jobs.py`)."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="exports")
    state = models.CharField(max_length=16, choices=ExportState.choices, default=ExportState.QUEUED)
    percent = models.PositiveSmallIntegerField(default=0)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by_name = models.CharField(max_length=150)
    requested_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a process began with it.")
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life of the process that works on it.")
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True, help_text="Why it failed.")
    key = models.CharField(max_length=200, blank=True, help_text="Key of the archive in the storage.")
    size_bytes = models.BigIntegerField(default=0)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=16, blank=True, help_text="Of the key that signed it.")

    has_time_stamp = models.BooleanField(default=False, db_default=False)
    time_stamp_problem = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Why the authority gave no time stamp."
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["id"], name="case_export_pending", condition=Q(state__in=("queued", "running"))),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of case {self.case_id}"
