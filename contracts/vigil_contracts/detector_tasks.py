"""Detector tasks and their results. The backend never connects to a camera; detectors do it on its behalf."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema

from vigil_contracts.bounds import MAX_URL_LENGTH, FrameRate, Pixels, RowId
from vigil_contracts.device import ControlCommand, ControlResult, DeviceResult
from vigil_contracts.names import REASON_TEXTS, Reason, StreamTransport
from vigil_contracts.recording import Milliseconds
from vigil_contracts.rules import Polygon

MAX_FRAME_BYTES = 1024 * 1024
"""Larger live frames are rejected."""
MAX_RESULT_LENGTH = 2_000_000
"""Characters of JSON: enough for a thousand cameras with long descriptions."""


class TaskKind(StrEnum):
    """The kind of detector task."""

    LIVE = "live"
    """The camera has viewers: send live frames for the next `seconds`."""
    CONFIGURATION = "configuration"
    """The camera's configuration has changed: fetch it now."""
    PROBE = "probe"
    """Claim this task, test the stream, and send the result."""
    DISCOVERY = "discovery"
    """Claim this task, discover cameras in the network, and send the result."""
    DEVICE = "device"
    """Claim this task, ask an ONVIF device for its streams, and send the result."""
    CONTROL = "control"
    """Claim this task, control a camera by ONVIF (PTZ, presets, relays), and send the result."""
    FRAME = "frame"
    """Claim this task, fetch the recording (`/api/errands/<id>/recording/`), decode one frame, and send it."""


class TaskEvent(BaseModel):
    """One event of `GET /api/errands/`: a notice, or a task to claim. The claim's response has the stream URL."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    kind: TaskKind
    camera: RowId | None = Field(default=None, description="The camera; null for a stream without a camera.")
    id: UUID | None = Field(default=None, description="Id for claiming the task.")
    seconds: float | None = Field(
        default=None, ge=0, le=86400, description="How long to send live frames from now on."
    )


FrameWidth = Annotated[
    int, Field(ge=64, le=1920, description="Largest width of the image in pixels; it is never enlarged.")
]


class RecordedFrame(BaseModel):
    """A frame of a recording."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    at_ms: Milliseconds
    width: FrameWidth = 1280


class ClaimedTask(BaseModel):
    """A claimed task with the stream's URL and credentials; returned once, to one detector."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True, hide_input_in_errors=True)

    id: UUID
    kind: TaskKind
    camera: RowId | None = None
    # Explicit schema: by default the field would be described as write-only.
    rtsp_url: Annotated[
        Annotated[SecretStr, Field(max_length=MAX_URL_LENGTH)] | None,
        WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_URL_LENGTH}, {"type": "null"}]}),
    ] = None
    transport: StreamTransport = StreamTransport.TCP
    privacy_masks: tuple[Polygon, ...] = Field(
        default=(), max_length=32, description="Areas to black out in the image of the stream, as of the camera."
    )
    device_url: Annotated[
        Annotated[SecretStr, Field(max_length=MAX_URL_LENGTH)] | None,
        WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_URL_LENGTH}, {"type": "null"}]}),
    ] = None
    """An ONVIF device with its credentials: http://user:password@host:port."""
    command: ControlCommand | None = None
    frame: RecordedFrame | None = None


Text = Annotated[str, Field(max_length=500)]


class ProbeResult(BaseModel):
    """Whether a stream delivers frames and which, or why not."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    answers: bool = Field(description="Whether the stream delivers frames.")
    reason: Reason = Field(description="`Streaming`, or the reason why not.")
    message: Text = Field(default="", description="One sentence for users; contains no credentials.")
    codec: str | None = Field(default=None, max_length=32)
    width: Pixels | None = Field(default=None, description="Pixels.")
    height: Pixels | None = Field(default=None, description="Pixels.")
    frames_per_second: FrameRate | None = None

    @classmethod
    def fault(cls, reason: Reason, message: str = "") -> "ProbeResult":
        """Return the result of a stream without frames."""
        return cls(answers=False, reason=reason, message=message or REASON_TEXTS[reason])


class DiscoveredCamera(BaseModel):
    """A device that answered the discovery (ONVIF Core, WS-Discovery), with its own claims."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    address: str = Field(max_length=253, description="IP address of the device.")
    name: Text = ""
    hardware: Text = Field(default="", description="Model of the device.")
    location: Text = ""
    services: tuple[Text, ...] = Field(default=(), max_length=20, description="URLs of the ONVIF services.")
    endpoint: Text = Field(default="", description="Permanent identifier of the device (a URN).")


class DiscoveryResult(BaseModel):
    """The devices found, or why the discovery failed."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[DiscoveredCamera, ...] = Field(default=(), max_length=1000)
    message: Text = ""


class FrameResult(BaseModel):
    """Whether a frame of a recording was decoded; it is sent with the result."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    message: Text = Field(default="", description="Why there is no frame; one sentence for users.")


TaskResult = ProbeResult | DiscoveryResult | DeviceResult | ControlResult | FrameResult
RESULT_TYPES: dict[TaskKind, type[TaskResult]] = {
    TaskKind.PROBE: ProbeResult,
    TaskKind.DISCOVERY: DiscoveryResult,
    TaskKind.DEVICE: DeviceResult,
    TaskKind.CONTROL: ControlResult,
    TaskKind.FRAME: FrameResult,
}
"""The result of each kind of task that is claimed."""


def failed_result(kind: TaskKind, reason: Reason, message: str) -> TaskResult:
    """Return the result of a task that no detector has completed."""
    if kind is TaskKind.DISCOVERY:
        return DiscoveryResult(message=message)
    if kind is TaskKind.FRAME:
        return FrameResult(message=message)
    if kind is TaskKind.DEVICE:
        return DeviceResult.fault(reason, message)
    return ControlResult.fault(reason, message) if kind is TaskKind.CONTROL else ProbeResult.fault(reason, message)
