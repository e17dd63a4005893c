"""A camera as its owner describes it."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from surveillance.choices import TRANSPORTS
from surveillance.credentials import EncryptedTextField, UnreadableText
from surveillance.models.cluster import Cluster
from vigil_apps.sites.models import Site
from vigil_contracts.detection import Detection
from vigil_contracts.names import StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.stream_url import mask_stream_url

dns_label = RegexValidator(
    r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
    "must be a Kubernetes name: lower-case letters, digits, - and . only",
)
group_name = RegexValidator(r"^[A-Za-z0-9._-]+$", "may hold letters, digits, -, . and _ only")


def default_detection() -> dict[str, object]:
    """Return the default detection settings of a camera."""
    return Detection().model_dump(mode="json")


def default_recording() -> dict[str, object]:
    """Return the default recording settings of a camera."""
    return RecordingSettings().model_dump(mode="json")


class ManagedBy(models.TextChoices):
    """The source of truth of the camera's settings; the other side displays them read-only."""

    BACKEND = "backend", "Backend"
    KUBECTL = "kubectl", "kubectl"


class Camera(models.Model):
    """One camera, owned by the user who created it, and shared with a site if it is in one."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cameras")
    name = models.CharField(max_length=100)
    site = models.ForeignKey(
        Site,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="cameras",
        help_text="Whose members share the camera with its owner.",
    )
    group = models.CharField(
        max_length=64,
        blank=True,
        db_index=True,
        validators=[group_name],
        help_text="By which detectors in poll mode share the work (`--group`). It gives nobody a right.",
    )
    cluster = models.ForeignKey(
        Cluster,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="cameras",
        help_text="The Kubernetes cluster that watches it. Null: the default cluster.",
    )
    rtsp_url = EncryptedTextField()
    is_active = models.BooleanField(default=False)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    asleep_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its detector starts again after a disarmed time, as the operator last reported it.",
    )
    warm_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its schedule is armed after that; its detector may start until then.",
    )
    transport = models.CharField(max_length=8, choices=TRANSPORTS, default=StreamTransport.TCP.value)
    detection = models.JSONField(default=default_detection)
    recording = models.JSONField(
        default=default_recording,
        null=True,
        blank=True,
        help_text="As vigil_contracts.recording.RecordingSettings.",
    )
    """NULL in rows of a version that did not have the field yet."""
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Alerts older than so many days are deleted, whatever their state. Null: the server's default.",
    )
    retention_megabytes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100_000_000)],
        help_text="Pictures and clips of the camera take no more space than so many MB: the oldest alerts that are "
        "resolved are deleted. Null: the server's default.",
    )
    detector_class_name = models.CharField(max_length=63, blank=True, validators=[dns_label])
    managed_by = models.CharField(max_length=16, choices=ManagedBy.choices, default=ManagedBy.BACKEND, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["is_active", "id"], name="camera_active"),
            # Not unique: otherwise a site admin could find out the names of the owner's other cameras.
            models.Index(fields=["user", "name"], name="camera_user_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_address_unreadable(self) -> bool:
        """Return whether the key that encrypted the stream's URL is missing."""
        return "rtsp_url" not in self.get_deferred_fields() and isinstance(self.rtsp_url, UnreadableText)

    @property
    def cluster_name(self) -> str:
        """Return the name of its cluster; empty for the default one. Load it with `select_related("cluster")`."""
        return self.cluster.name if self.cluster is not None else ""

    @property
    def masked_rtsp_url(self) -> str:
        """Return the URL without credentials; empty if it cannot be decrypted."""
        return mask_stream_url(self.rtsp_url)


class CameraListVersion(models.Model):
    """One row whose number increases with every camera change: the entity tag of `active-cameras/`.

    Timestamps are not sufficient: two changes in one microsecond, or on hosts with different clocks, could share one.
    """

    number = models.PositiveBigIntegerField(default=0)
    nonce = models.CharField(
        max_length=16,
        blank=True,
        db_default="",
        help_text="Random, so that a number that is reached again after a restored backup is another version.",
    )
    reports_objects = models.BooleanField(
        default=False, db_default=False, help_text="Detectors report the objects in view (`report_objects`)."
    )

    def __str__(self) -> str:
        return str(self.number)


class CameraListChange(models.Model):
    """One row per version of the list of active cameras: which cameras changed with it.

    A version without a row was written by a backend of an older version, during an upgrade.
    """

    version = models.PositiveBigIntegerField(primary_key=True)
    nonce = models.CharField(max_length=16, help_text="As in `CameraListVersion` when that was its number.")
    camera_ids = models.JSONField(null=True, help_text="The ids of the cameras; null: any may have changed.")

    def __str__(self) -> str:
        return str(self.version)
