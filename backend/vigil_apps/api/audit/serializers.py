"""Serializers of the audit log."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vigil_apps.audit.models import AuditEntry


@extend_schema_field(OpenApiTypes.OBJECT)
class ChangesField(serializers.JSONField):
    """Maps a field to `[before, after]`."""


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One change: the user, time and origin, and each field before and after."""

    changes = ChangesField(read_only=True, help_text="Field: [before, after]. Secrets appear as a fingerprint.")

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor_id",
            "actor_name",
            "via",
            "token_name",
            "address",
            "action",
            "kind",
            "object_id",
            "object_name",
            "site_id",
            "changes",
        )
        read_only_fields = fields
