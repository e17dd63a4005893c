"""Serializers of recordings, for answers and the schema."""

from typing import Any

from rest_framework import serializers


class RecordedPeriodSerializer(serializers.Serializer[Any]):
    """A recorded period."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class TimelineGapSerializer(serializers.Serializer[Any]):
    """A period in which the camera was to be recorded but was not."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    reason = serializers.CharField(
        help_text="A camera's reason, such as `StreamUnreachable`, or `RecorderStopped`, `SpoolFull`, `WriteFailed`, "
        "`StorageLost`."
    )
    message = serializers.CharField(help_text="One sentence for users.")


class TimelineSerializer(serializers.Serializer[Any]):
    """What is recorded of a camera."""

    recorded = RecordedPeriodSerializer(many=True)
    gaps = TimelineGapSerializer(many=True)
