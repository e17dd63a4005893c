"""A camera as detectors and the Kubernetes operator receive it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vigil_contracts.bounds import MAX_DISPLAY_NAME_LENGTH, MAX_URL_LENGTH, Count, Instant, RowId
from vigil_contracts.detection import Detection
from vigil_contracts.health import HealthReport
from vigil_contracts.names import StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.stream_url import with_path

MAX_CHANGED_CAMERAS = 1000
"""With more changed cameras, or more changes, the whole list is the shorter way."""


class CameraConfiguration(BaseModel):
    """One active camera with credentials; returned only to tokens that need them."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    id: RowId
    name: str = Field(max_length=MAX_DISPLAY_NAME_LENGTH)
    group: str = Field(default="", max_length=64)
    rtsp_url: SecretStr = Field(max_length=MAX_URL_LENGTH)
    transport: StreamTransport = StreamTransport.TCP
    detection: Detection = Detection()
    recording: RecordingSettings = RecordingSettings()
    report_objects: bool = Field(default=False, description="Report each change of the objects in view at once.")
    detector_class_name: str = Field(default="", max_length=253)
    managed_by: str = Field(default="backend", max_length=16)
    revision: str = Field(max_length=64, description="Changes with every change of this configuration.")

    @property
    def watched_url(self) -> SecretStr:
        """Return the stream to analyse: the sub-stream if one is configured."""
        return SecretStr(with_path(self.rtsp_url.get_secret_value(), self.detection.stream_path))


CHANGES_ONLY = "vigil-changes"
"""The value of `A-IM` (RFC 3229) that asks for the changes of the active cameras instead of the whole list."""


class AlertTotals(BaseModel):
    """Totals of a camera's alerts; `last_alert_time` is None before the first."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    total: Count = 0
    last_alert_time: Instant | None = None


class CameraReport(BaseModel):
    """What `GET /api/cameras/` returns about a camera in addition to its settings."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    health: HealthReport
    alerts: AlertTotals = AlertTotals()


class CameraSummary(BaseModel):
    """A camera from `GET /api/cameras/<id>/`, without its stream."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    id: RowId
    name: str = Field(max_length=MAX_DISPLAY_NAME_LENGTH)
    is_active: bool
    managed_by: str = Field(default="backend", max_length=16)
    cluster: str = Field(default="", max_length=63, description="Cluster that watches it; empty: the default one.")
    watched_by: str | None = Field(default=None, max_length=128, description="Cluster that runs its detector now.")
    health: HealthReport
    alerts: AlertTotals = AlertTotals()


class AppliedSite(BaseModel):
    """What `POST /api/configuration/` did, or would do, with one site."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    name: str = Field(max_length=100)
    result: Literal["added", "changed", "unchanged"]
    left_out: tuple[Annotated[str, Field(max_length=150)], ...] = Field(default=(), max_length=1000)


class AppliedCamera(BaseModel):
    """What `POST /api/configuration/` did, or would do, with one camera."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    id: RowId | None = None
    name: str = Field(max_length=100)
    result: Literal["added", "changed", "unchanged"]
    fields: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=64)


class AppliedConfiguration(BaseModel):
    """What `POST /api/configuration/` did, or would do."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[AppliedCamera, ...] = Field(max_length=1000)
    sites: tuple[AppliedSite, ...] = Field(default=(), max_length=100)
    warnings: tuple[Annotated[str, Field(max_length=2000)], ...] = Field(default=(), max_length=1000)
