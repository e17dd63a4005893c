"""What the backend asks of detectors, since it never connects to a camera itself, and what they answer."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema

from vigil_contracts.bounds import MAX_URL_LENGTH, FrameRate, Pixels, RowId
from vigil_contracts.names import REASON_TEXTS, Reason, StreamTransport

MAX_FRAME_BYTES = 1024 * 1024
"""A live picture that is larger is refused."""
MAX_RESULT_LENGTH = 2_000_000
"""Characters of JSON: a thousand cameras that say more of themselves than any does."""


class ErrandKind(StrEnum):
    """What is wanted."""

    LIVE = "live"
    """Somebody looks at the camera: send its pictures for the next `seconds`."""
    CONFIGURATION = "configuration"
    """The camera's configuration has changed: ask for it now."""
    PROBE = "probe"
    """Claim this errand, try the stream, and answer."""
    DISCOVERY = "discovery"
    """Claim this errand, ask the network for cameras, and answer."""


class Errand(BaseModel):
    """One event of `GET /api/errands/`. What it does not say (a URL, a password) is only in the claim's answer."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    kind: ErrandKind
    camera: RowId | None = Field(default=None, description="The camera; null for a stream without a camera.")
    id: UUID | None = Field(default=None, description="Id for claiming the task.")
    seconds: float | None = Field(
        default=None, ge=0, le=86400, description="How long to send live frames from now on."
    )


class ClaimedErrand(BaseModel):
    """What a detector needs to do it: answered to one detector, once."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True, hide_input_in_errors=True)

    id: UUID
    kind: ErrandKind
    camera: RowId | None = None
    # Said here, since of itself it would be described as what requests alone may hold.
    rtsp_url: Annotated[
        Annotated[SecretStr, Field(max_length=MAX_URL_LENGTH)] | None,
        WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_URL_LENGTH}, {"type": "null"}]}),
    ] = None
    transport: StreamTransport = StreamTransport.TCP


Text = Annotated[str, Field(max_length=500)]


class ProbeResult(BaseModel):
    """Whether a stream gives pictures, and what they are like, or why not."""

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
        """No pictures."""
        return cls(answers=False, reason=reason, message=message or REASON_TEXTS[reason])


class DiscoveredCamera(BaseModel):
    """A device that answered the search (ONVIF Core, WS-Discovery); it says all this of itself."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    address: str = Field(max_length=253, description="IP address of the device.")
    name: Text = ""
    hardware: Text = Field(default="", description="Model of the device.")
    location: Text = ""
    services: tuple[Text, ...] = Field(default=(), max_length=20, description="URLs of the ONVIF services.")
    endpoint: Text = Field(default="", description="Permanent identifier of the device (a URN).")


class DiscoveryResult(BaseModel):
    """The devices found, or why none could be looked for."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[DiscoveredCamera, ...] = Field(default=(), max_length=1000)
    message: Text = ""
