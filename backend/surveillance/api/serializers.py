"""Serializers of cameras, alerts and related objects."""

from datetime import datetime
from typing import Any, cast

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from surveillance.choices import ALERT_TYPES, PHASES, REASONS, TRANSPORTS
from surveillance.core.camera_fields import CAMERA_FIELDS
from surveillance.models import AlertComment, Camera, DetectorTask, TaskState
from surveillance.selectors.cameras import alert_totals_of, health_of, media_url_of, recording_of
from surveillance.selectors.clusters import holder_of
from surveillance.selectors.resources import policy_sources_of, resource_deleted_at
from surveillance.selectors.rooms import room_problem_of
from vigil_apps.sites.models import Site
from vigil_apps.sites.recording_limits import LimitSource, limits_of, site_recording_of
from vigil_apps.web.strict_fields import StrictFields
from vigil_contracts.cost import CameraCost
from vigil_contracts.detection import Detection
from vigil_contracts.detector_tasks import MAX_RESULT_LENGTH, DiscoveryResult, ProbeResult
from vigil_contracts.device import ControlResult, DeviceResult
from vigil_contracts.recording import RecordingSettings, SiteRecording
from vigil_contracts.shadow import ShadowReport


class CameraStreamSerializer(serializers.Serializer[Any]):
    """Properties of the stream, as reported by the detector."""

    width = serializers.IntegerField(allow_null=True, help_text="Pixels.")
    height = serializers.IntegerField(allow_null=True, help_text="Pixels.")
    codec = serializers.CharField(allow_null=True)
    frames_per_second = serializers.FloatField(allow_null=True)
    last_frame_time = serializers.DateTimeField(allow_null=True)


class CameraInferenceSerializer(serializers.Serializer[Any]):
    """What the camera's detector uses, which may differ from what was requested; empty means unknown."""

    model = serializers.CharField(help_text="Name of the model.")
    runtime = serializers.CharField(help_text="`openvino`, `ultralytics` or `triton`.")
    device = serializers.CharField(help_text="`cpu`, `cuda:0`, `intel-gpu`, `npu`, or `server` with Triton.")
    precision = serializers.CharField(help_text="`float32`, `float16`, `bfloat16` or `int8`.")
    decoder = serializers.CharField(help_text="`software`, `nvdec`, `vaapi` or `qsv`.")


@extend_schema_field(cast("Any", ShadowReport))
class ShadowField(serializers.Field[ShadowReport, Any, Any, ShadowReport]):
    """A `vigil_contracts.shadow.ShadowReport`; read-only."""

    def to_representation(self, value: ShadowReport) -> dict[str, Any]:
        """Return the report as JSON."""
        return value.model_dump(mode="json")


@extend_schema_field(cast("Any", CameraCost))
class CostField(serializers.Field[CameraCost, Any, Any, CameraCost]):
    """A `vigil_contracts.cost.CameraCost`; read-only."""

    def to_representation(self, value: CameraCost) -> dict[str, Any]:
        """Return the cost as JSON."""
        return value.model_dump(mode="json")


class HealthSerializer(serializers.Serializer[Any]):
    """A camera's state with its reason."""

    phase = serializers.ChoiceField(choices=PHASES)
    reason = serializers.ChoiceField(choices=REASONS)
    message = serializers.CharField(help_text="One sentence for users.")
    stream = CameraStreamSerializer()
    inference = CameraInferenceSerializer()
    reported_at = serializers.DateTimeField(allow_null=True)
    spooled_alerts = serializers.IntegerField(help_text="Alerts that the detector has not delivered yet.")
    wake_time = serializers.DateTimeField(allow_null=True, help_text="When a camera that is asleep wakes up.")
    shadow = ShadowField(
        read_only=True,
        allow_null=True,
        help_text="The comparison with a new model, summed up since its trial began; null: there is none.",
    )
    cost = CostField(
        read_only=True,
        allow_null=True,
        help_text="What the camera costs its detector, over the last hour at most; null: not measured yet.",
    )


class RegisteredResourceSerializer(serializers.Serializer[Any]):
    """A camera that represents a Camera resource of kubectl."""

    uid = serializers.CharField(help_text="uid of the resource.")
    id = serializers.IntegerField(help_text="id of the camera in this API.")
    digest = serializers.CharField(help_text="Digest that the operator sent with its last registration.")


class AlertTotalsSerializer(serializers.Serializer[Any]):
    """Totals of a camera's alerts."""

    total = serializers.IntegerField(help_text="Number of alerts, including deleted ones.")
    last_alert_time = serializers.DateTimeField(allow_null=True, help_text="Time of the latest alert.")


_HEALTH, _ALERT_TOTALS = HealthSerializer(), AlertTotalsSerializer()
"""Created once: each new one copies all its fields, which took most of the time for a list of cameras."""


_AS_A_WHOLE = "A request replaces it as a whole, also PATCH: send back what you have read, with your changes."


@extend_schema_field(cast("Any", Detection))
class DetectionField(serializers.JSONField):
    """A `vigil_contracts.detection.Detection`. The service validates it; its errors name the nested field."""


@extend_schema_field(cast("Any", RecordingSettings))
class RecordingField(serializers.JSONField):
    """A `vigil_contracts.recording.RecordingSettings`. The service validates it."""

    def get_attribute(self, instance: Camera) -> dict[str, Any]:
        """Return the settings with all defaults."""
        return recording_of(instance).model_dump(mode="json")


@extend_schema_field(cast("Any", SiteRecording))
class SiteRecordingField(serializers.JSONField):
    """A `vigil_contracts.recording.SiteRecording`. A request replaces it as a whole; the service validates it."""

    def get_attribute(self, instance: Site) -> dict[str, Any]:
        """Return all values."""
        return site_recording_of(instance).model_dump(mode="json")


class CameraSerializer(StrictFields, serializers.ModelSerializer[Camera]):
    """A camera. `rtsp_url` is displayed without credentials."""

    rtsp_url = serializers.CharField(
        max_length=2000,
        help_text="rtsp:// or rtsps://. Responses contain rtsp://***@host/…; sending that back keeps the URL.",
    )
    site = serializers.IntegerField(
        source="site_id",
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The site whose members share the camera; you must be its admin. Null: only its owner has access.",
    )
    cluster = serializers.CharField(
        source="cluster_name",
        required=False,
        allow_blank=True,
        max_length=63,
        help_text="Name of the Kubernetes cluster that watches the camera; changing it moves the camera. Empty: the"
        " default cluster. Read-only for a camera created with kubectl.",
    )
    watched_by = serializers.SerializerMethodField(
        help_text="The cluster that runs its detector now, or null. After a move this is the former cluster until its"
        " detector is removed."
    )
    resource_deleted_at = serializers.SerializerMethodField(
        help_text="When the Camera resource of a camera created with kubectl was deleted, or null. Its alerts are"
        " kept. A new resource of the same name takes the camera up while it is inactive."
    )
    policy_sources = serializers.SerializerMethodField(
        help_text="Fields whose value comes from a CameraPolicy of the cluster, such as `recording.mode`, with the"
        " policy's name. All other fields have the camera's own value or the default."
    )
    detection = DetectionField(required=False, help_text=_AS_A_WHOLE)
    recording = RecordingField(required=False, help_text=_AS_A_WHOLE)
    # DRF's own messages repeat the input, and a stream URL might be in the wrong field.
    transport = serializers.ChoiceField(
        choices=TRANSPORTS, required=False, error_messages={"invalid_choice": "must be tcp or udp"}
    )
    health = serializers.SerializerMethodField()
    alerts = serializers.SerializerMethodField()
    media_url = serializers.SerializerMethodField(
        help_text="Where the media server plays the camera (WebRTC, HLS); null without one, or if the camera has "
        "privacy masks, which a media server does not apply."
    )

    class Meta:
        model = Camera
        fields = (
            "id",
            "user",
            *CAMERA_FIELDS,
            "watched_by",
            "managed_by",
            "resource_deleted_at",
            "policy_sources",
            "created_at",
            "updated_at",
            "health",
            "alerts",
            "media_url",
        )
        read_only_fields = ("id", "user", "managed_by", "created_at", "updated_at")

    def get_watched_by(self, camera: Camera) -> str | None:
        """Return the title of the cluster that holds the camera."""
        holder = holder_of(camera)
        return str(holder) if holder is not None else None

    def get_resource_deleted_at(self, camera: Camera) -> datetime | None:
        """Return when its resource was deleted."""
        return resource_deleted_at(camera)

    @extend_schema_field(serializers.DictField(child=serializers.CharField(max_length=253)))
    def get_policy_sources(self, camera: Camera) -> dict[str, str]:
        """Return the policy of each field that comes from one."""
        return policy_sources_of(camera)

    @extend_schema_field(HealthSerializer)
    def get_health(self, camera: Camera) -> Any:
        """Return the current health."""
        return _HEALTH.to_representation(health_of(camera=camera, now=timezone.now()))

    @extend_schema_field(AlertTotalsSerializer)
    def get_alerts(self, camera: Camera) -> Any:
        """Return the number of its alerts and the time of the last one."""
        return _ALERT_TOTALS.to_representation(alert_totals_of(camera=camera))

    def get_media_url(self, camera: Camera) -> str | None:
        """Return the media server's page or endpoint, which has its own authentication."""
        return media_url_of(camera) or None

    def to_representation(self, instance: Camera) -> dict[str, Any]:
        """Return the camera with a masked URL."""
        shown = super().to_representation(instance)
        shown["rtsp_url"] = instance.masked_rtsp_url
        return shown


class RecordingLimitSerializer(serializers.Serializer[Any]):
    """A limit in force."""

    value = serializers.IntegerField(min_value=1)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the base class names something else so
        choices=[source.value for source in LimitSource],
        help_text="What sets it: the camera's own value, which may come from a CameraPolicy (`policy_sources`), the"
        " default of its site or of the server, or a ceiling of one of them, which is lower.",
    )


class RecordingLimitsSerializer(serializers.Serializer[Any]):
    """How much of a camera's recordings is kept, and why; null: no limit."""

    days = RecordingLimitSerializer(allow_null=True)
    gigabytes = RecordingLimitSerializer(allow_null=True, help_text="Units of 10^9 bytes.")


class CameraDetailSerializer(CameraSerializer):
    """One camera, with warnings and what is in force. `rtsp_url` is displayed without credentials."""

    warnings = serializers.SerializerMethodField(
        help_text="Why the camera waits, or would wait if you activated it: its detector class has no room; and what"
        " would free room. Empty if there is room or the cluster does not report it."
    )
    recording_limits = serializers.SerializerMethodField(
        help_text="How much of its recordings is kept: its own limits, else those of its site, else those of the"
        " server, and never more than their ceilings."
    )

    class Meta(CameraSerializer.Meta):
        fields = (  # type: ignore[assignment]  # two more
            *CameraSerializer.Meta.fields,
            "warnings",
            "recording_limits",
        )

    @extend_schema_field(serializers.ListField(child=serializers.CharField(max_length=2000)))
    def get_warnings(self, camera: Camera) -> list[str]:
        """Return the warnings."""
        problem = room_problem_of(camera)
        return [problem.text] if problem is not None else []

    @extend_schema_field(RecordingLimitsSerializer)
    def get_recording_limits(self, camera: Camera) -> Any:
        """Return the limits in force."""
        return _LIMITS.to_representation(limits_of(recording_of(camera), camera.site))


_LIMITS = RecordingLimitsSerializer()
_CAMERA = CameraDetailSerializer()


def camera_shown(camera: Camera) -> dict[str, Any]:
    """Return the camera in the format of `CameraDetailSerializer`."""
    return _CAMERA.to_representation(camera)


class AlertIdsSerializer(StrictFields, serializers.Serializer[Any]):
    """The alerts to change."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=1000
    )


class AcknowledgedSerializer(serializers.Serializer[Any]):
    """The number of alerts that this request acknowledged."""

    acknowledged = serializers.IntegerField()


class ResolvedSerializer(serializers.Serializer[Any]):
    """The number of alerts that this request resolved."""

    resolved = serializers.IntegerField()


class JudgementSerializer(AlertIdsSerializer):
    """The alerts to change, and whether to mark them."""

    is_false_positive = serializers.BooleanField(default=True, help_text="False removes the mark.")


class JudgedSerializer(serializers.Serializer[Any]):
    """The number of alerts that this request changed."""

    changed = serializers.IntegerField()


class CommentSerializer(StrictFields, serializers.ModelSerializer[AlertComment]):
    """A comment on an alert."""

    author: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = AlertComment
        fields = ("id", "author", "text", "created_at")
        read_only_fields = ("id", "author", "created_at")


class RuleQualitySerializer(serializers.Serializer[Any]):
    """The share of false positives of a camera's rule, as marked by users."""

    camera = serializers.IntegerField()
    camera_name = serializers.CharField(source="camera__name")
    rule = serializers.CharField()
    alert_type = serializers.ChoiceField(choices=ALERT_TYPES)
    alerts = serializers.IntegerField()
    false_positives = serializers.IntegerField()


class DetectorTokenSerializer(serializers.Serializer[Any]):
    """A detector's new token, shown only once."""

    token = serializers.CharField()


class DetectorTokensSerializer(serializers.Serializer[Any]):
    """New tokens of detectors, shown only once."""

    tokens = serializers.DictField(child=serializers.CharField(), help_text="Maps camera ids to tokens.")


class ProbeRequestSerializer(StrictFields, serializers.Serializer[Any]):
    """A stream to test before creating its camera."""

    rtsp_url = serializers.CharField(max_length=2000, help_text="rtsp:// or rtsps://, with the rules for cameras.")
    username = serializers.CharField(required=False, allow_blank=True, max_length=255, write_only=True)
    password = serializers.CharField(
        required=False, allow_blank=True, max_length=255, write_only=True, trim_whitespace=False
    )
    transport = serializers.ChoiceField(
        choices=TRANSPORTS, required=False, error_messages={"invalid_choice": "must be tcp or udp"}
    )


class DetectorTaskSerializer(serializers.ModelSerializer[DetectorTask]):
    """A task for a detector, with its state."""

    state = serializers.ChoiceField(choices=TaskState.choices)

    class Meta:
        model = DetectorTask
        fields: tuple[str, ...] = ("id", "state", "created_at", "result")
        read_only_fields = fields


@extend_schema_field(cast("Any", ProbeResult))
class ProbeResultField(serializers.JSONField):
    """The result of a stream test."""


class ProbeSerializer(DetectorTaskSerializer):
    """A stream test."""

    result = ProbeResultField(allow_null=True, read_only=True, help_text="Null until the state is `done`.")
    snapshot = serializers.SerializerMethodField(help_text="Path of the image, or null.")

    class Meta(DetectorTaskSerializer.Meta):
        fields = ("id", "state", "camera", "created_at", "result", "snapshot")
        read_only_fields = fields

    def get_snapshot(self, task: DetectorTask) -> str | None:
        """Return the path on this host; only the user who requested the test can access it."""
        return reverse("probe-snapshot", args=[task.pk]) if task.snapshot is not None else None


@extend_schema_field(cast("Any", DiscoveryResult))
class DiscoveryResultField(serializers.JSONField):
    """The cameras that were found."""


class DiscoverySerializer(DetectorTaskSerializer):
    """A discovery of cameras."""

    result = DiscoveryResultField(allow_null=True, read_only=True, help_text="Null until the state is `done`.")


class DeviceRequestSerializer(StrictFields, serializers.Serializer[Any]):
    """An ONVIF device to ask for its streams."""

    address = serializers.CharField(max_length=253, help_text="Host name or IP address.")
    port = serializers.IntegerField(
        required=False, min_value=1, max_value=65535, help_text="Of its ONVIF services; default 80."
    )
    username = serializers.CharField(required=False, allow_blank=True, max_length=255, write_only=True)
    password = serializers.CharField(
        required=False, allow_blank=True, max_length=255, write_only=True, trim_whitespace=False
    )


@extend_schema_field(cast("Any", DeviceResult))
class DeviceResultField(serializers.JSONField):
    """What the device offers."""


class DeviceSerializer(DetectorTaskSerializer):
    """A question to an ONVIF device."""

    result = DeviceResultField(allow_null=True, read_only=True, help_text="Null until the state is `done`.")


@extend_schema_field(cast("Any", ControlResult))
class ControlResultField(serializers.JSONField):
    """What the camera has done."""


class ControlSerializer(DetectorTaskSerializer):
    """A control of a camera."""

    result = ControlResultField(allow_null=True, read_only=True, help_text="Null until the state is `done`.")

    class Meta(DetectorTaskSerializer.Meta):
        fields = ("id", "state", "camera", "created_at", "result")
        read_only_fields = fields


class TaskResultFieldsSerializer(serializers.Serializer[Any]):
    """A detector's answer, for the schema; `vigil_contracts.detector_tasks` validates it."""

    result = serializers.CharField(
        max_length=MAX_RESULT_LENGTH,
        help_text="JSON of a `ProbeResult`, `DiscoveryResult`, `DeviceResult` or `ControlResult`.",
    )
    snapshot = serializers.FileField(required=False, help_text="JPEG or PNG, at most 2 MB and 4096 x 4096 pixels.")
