"""Serializers of recordings, for answers and the schema."""

from typing import Any

from rest_framework import serializers

from surveillance.choices import ALERT_TYPES
from vigil_contracts.bounds import MAX_COUNT


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
        "`StorageLost`, `MaskingUnavailable`."
    )
    message = serializers.CharField(help_text="One sentence for users.")


class TimelineSerializer(serializers.Serializer[Any]):
    """What is recorded of a camera."""

    recorded = RecordedPeriodSerializer(many=True)
    gaps = TimelineGapSerializer(many=True)


class DayGapSerializer(TimelineGapSerializer):
    """A gap of a timeline."""

    is_open = serializers.BooleanField(help_text="It has not ended; `end` is the time of the request.")


class MotionPeriodSerializer(serializers.Serializer[Any]):
    """A period with motion."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    percent = serializers.IntegerField(
        min_value=0, max_value=100, help_text="Largest share of the analysed frames of one segment."
    )


class MotionFoundSerializer(serializers.Serializer[Any]):
    """When something moved in an area."""

    motion = MotionPeriodSerializer(many=True)
    has_all = serializers.BooleanField(help_text="False if there are more periods than the response contains.")
    without_position = serializers.IntegerField(
        min_value=0,
        max_value=MAX_COUNT,
        help_text="Segments with motion of which it is unknown where it was: of an earlier version, or reported by "
        "the camera alone. They are not in `motion`.",
    )


class AlertMarkSerializer(serializers.Serializer[Any]):
    """An alert on a timeline."""

    id = serializers.IntegerField(min_value=1)
    time = serializers.DateTimeField()
    alert_type = serializers.ChoiceField(choices=ALERT_TYPES)


class CameraDaySerializer(serializers.Serializer[Any]):
    """Everything that a timeline shows of a camera."""

    now = serializers.DateTimeField(help_text="The server's time of the response.")
    recorded = RecordedPeriodSerializer(many=True)
    gaps = DayGapSerializer(many=True)
    motion = MotionPeriodSerializer(many=True)
    alerts = AlertMarkSerializer(many=True)
    has_all_alerts = serializers.BooleanField(help_text="False if there are more alerts than the response contains.")
