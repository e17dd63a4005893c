"""Serializers of cases and exports, for answers and the schema."""

from typing import Any

from rest_framework import serializers

from vigil_apps.evidence.models import Case, CaseExport, CaseItem
from vigil_contracts.bounds import MAX_COUNT


class EvidenceKeySerializer(serializers.Serializer[Any]):
    """A public key that verifies exports."""

    key_id = serializers.CharField(max_length=16, help_text="As in `manifest.json` of an export.")
    public_key = serializers.CharField(max_length=1000, help_text="Ed25519, in PEM.")
    valid_from = serializers.DateTimeField(help_text="When the backend first had this key.")
    valid_until = serializers.DateTimeField(allow_null=True, help_text="When another replaced it. Null: it signs.")


class CaseItemSerializer(serializers.ModelSerializer[CaseItem]):
    """A period of a camera, or an alert with the recordings around it."""

    camera = serializers.IntegerField(source="camera_id", min_value=1, max_value=MAX_COUNT)
    alert = serializers.IntegerField(
        source="alert_id", min_value=1, max_value=MAX_COUNT, allow_null=True, help_text="Null: a period."
    )
    is_held = serializers.SerializerMethodField(help_text="False: its legal hold was lifted.")

    class Meta:
        model = CaseItem
        fields = ("id", "camera", "camera_name", "alert", "start", "end", "is_held", "added_by", "added_at")
        read_only_fields = fields

    def get_is_held(self, item: CaseItem) -> bool:
        """Return whether its hold is in place."""
        return item.hold_id is not None


class CaseMemberSerializer(serializers.Serializer[Any]):
    """A user who may see a case."""

    user = serializers.IntegerField(source="pk", min_value=1, max_value=MAX_COUNT)
    username = serializers.CharField(max_length=150)


class CaseExportSerializer(serializers.ModelSerializer[CaseExport]):
    """An export of a case, and the progress of its background job."""

    requested_by = serializers.CharField(source="requested_by_name", max_length=150)
    percent = serializers.IntegerField(min_value=0, max_value=100)
    size_bytes = serializers.IntegerField(min_value=0, max_value=MAX_COUNT)

    class Meta:
        model = CaseExport
        fields = (
            "id",
            "state",
            "percent",
            "problem",
            "requested_by",
            "requested_at",
            "finished_at",
            "size_bytes",
            "manifest_sha256",
            "key_id",
            "has_time_stamp",
            "time_stamp_problem",
        )
        read_only_fields = fields


class CaseSerializer(serializers.ModelSerializer[Case]):
    """A case in a list."""

    owner = serializers.CharField(
        source="owner.username", max_length=150, default="", help_text="Empty: the user was deleted."
    )

    class Meta:
        model = Case
        fields = ("id", "title", "reference", "notes", "owner", "created_at", "closed_at")
        read_only_fields = fields


class CaseDetailSerializer(CaseSerializer):
    """A case with all that belongs to it."""

    members = CaseMemberSerializer(many=True)
    items = CaseItemSerializer(many=True)
    exports = CaseExportSerializer(many=True)

    class Meta:
        model = Case
        fields = (*CaseSerializer.Meta.fields, "members", "items", "exports")
        read_only_fields = fields
