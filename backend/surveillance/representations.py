"""Alerts as JSON, for the API's views, the event stream and the fast intake."""

from typing import Any, cast

from django.urls import reverse
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from surveillance.models import Alert
from vigil_contracts.alert import Box


@extend_schema_field(cast("Any", Box))
class BoxField(serializers.JSONField):
    """A rectangle in fractions of the frame."""


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert for users."""

    camera_name = serializers.CharField(source="camera.name", read_only=True)
    box = BoxField(allow_null=True, read_only=True)
    image = serializers.SerializerMethodField(help_text="Path of the image, or null.")
    clip = serializers.SerializerMethodField(
        help_text="Path of the clip, or null; it arrives some seconds after the alert."
    )
    resolved_by: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    acknowledged_by: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Alert
        fields = (
            "id",
            "camera",
            "camera_name",
            "event_id",
            "alert_type",
            "confidence",
            "timestamp",
            "received_at",
            "description",
            "label",
            "box",
            "track",
            "zone",
            "zone_seconds",
            "rule",
            "image",
            "clip",
            "acknowledged",
            "acknowledged_by",
            "acknowledged_at",
            "resolved",
            "resolved_by",
            "resolved_at",
            "is_false_positive",
        )
        read_only_fields = fields

    @cached_property
    def _readable_fields(self) -> list[serializers.Field[Any, Any, Any, Any]]:
        """REST framework collects the fields again for each row, which takes a fifth of the time of a row."""
        return list(super()._readable_fields)

    def get_image(self, alert: Alert) -> str | None:
        """Return the path on this host; it requires permission to view the alert."""
        return reverse("alert-image", args=[alert.pk]) if alert.image else None

    def get_clip(self, alert: Alert) -> str | None:
        """Return the path on this host; it requires permission to view the alert."""
        return reverse("alert-clip", args=[alert.pk]) if alert.clip else None


_ALERT = AlertSerializer()
"""Cached: creating a serializer's fields takes longer than serialising an alert."""


def alert_shown(alert: Alert) -> dict[str, Any]:
    """Return the alert in the format of `AlertSerializer`."""
    return dict(_ALERT.to_representation(alert))
