"""Cases, exports, and the public keys that verify them."""

from typing import ClassVar

from django.db import models


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
