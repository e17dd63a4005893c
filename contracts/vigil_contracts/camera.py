"""A camera as detectors and the operator receive it."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vigil_contracts.bounds import MAX_URL_LENGTH, Count, Instant, RowId
from vigil_contracts.detection import Detection
from vigil_contracts.health import HealthReport
from vigil_contracts.names import StreamTransport
from vigil_contracts.stream_url import with_path


class CameraConfiguration(BaseModel):
    """One active camera, credentials included: answered only to tokens that need them."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    id: RowId
    name: str = Field(max_length=100)
    group: str = Field(default="", max_length=64)
    rtsp_url: SecretStr = Field(max_length=MAX_URL_LENGTH)
    transport: StreamTransport = StreamTransport.TCP
    detection: Detection = Detection()
    detector_class_name: str = Field(default="", max_length=253)
    managed_by: str = Field(default="backend", max_length=16)
    revision: str = Field(max_length=64, description="Changes whenever anything in this configuration changes.")

    @property
    def watched_url(self) -> SecretStr:
        """The stream that is looked at: the sub-stream where the settings name one."""
        return SecretStr(with_path(self.rtsp_url.get_secret_value(), self.detection.stream_path))


class AlertTotals(BaseModel):
    """The alerts that a camera has given; `last_alert_time` is None before the first."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    total: Count = 0
    last_alert_time: Instant | None = None


class CameraReport(BaseModel):
    """What `GET /api/cameras/` tells of a camera beside its description."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    health: HealthReport
    alerts: AlertTotals = AlertTotals()


class CameraSummary(BaseModel):
    """A camera as `GET /api/cameras/<id>/` answers it, without its stream."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    id: RowId
    name: str = Field(max_length=100)
    is_active: bool
    managed_by: str = Field(default="backend", max_length=16)
    health: HealthReport
    alerts: AlertTotals = AlertTotals()
