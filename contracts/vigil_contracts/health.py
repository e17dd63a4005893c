"""How a camera's stream is: what its detector sends, and what the API tells of it."""

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import Count, FrameRate, Instant, Pixels
from vigil_contracts.names import CameraPhase, Reason


class StreamHealth(BaseModel):
    """What the detector sees of the stream itself."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    width: Pixels | None = None
    height: Pixels | None = None
    codec: str | None = Field(default=None, max_length=32)
    frames_per_second: FrameRate | None = None
    last_frame_time: Instant | None = None


class HealthReport(BaseModel):
    """A camera's health as the API tells it: from the detector's last heartbeat, and from how old that is."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = Field(default="", max_length=2000)
    stream: StreamHealth = StreamHealth()
    reported_at: Instant | None = None


class Heartbeat(BaseModel):
    """Sent by a detector every 10 s, and at once when the phase or the reason changes."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = Field(default="", max_length=500, description="Details for a person; holds no credentials.")
    stream: StreamHealth = StreamHealth()
    spooled_alerts: Count = 0
    detector: str = Field(default="", max_length=253, description="Name of the pod or host that watches.")
    revision: str = Field(default="", max_length=64, description="Revision of the configuration in use.")
    sent_at: Instant | None = None
