"""What a detector finds out about an ONVIF device, and the controls of one: results of detector tasks."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigil_contracts.bounds import MAX_URL_LENGTH, FrameRate, Pixels
from vigil_contracts.names import REASON_TEXTS, Reason

MAX_PROFILES, MAX_PRESETS, MAX_RELAYS = 128, 300, 32
DEVICE_PATH = "/onvif/device_service"
"""Where each device has its first service (ONVIF Core Specification, section 5.1.1)."""
DEFAULT_ONVIF_PORT = 80
HTTPS_PORTS = frozenset({443, 8443})

_CONFIG = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)
Text = Annotated[str, Field(max_length=500)]
Token = Annotated[str, Field(min_length=1, max_length=100)]
Speed = Annotated[float, Field(ge=-1, le=1)]
Address = Annotated[str, Field(max_length=MAX_URL_LENGTH)]
Port = Annotated[int, Field(ge=1, le=65535)]


class DeviceStream(BaseModel):
    """A stream of a device, without credentials."""

    model_config = _CONFIG

    name: str = Field(max_length=100, description="The device's name of the profile.")
    rtsp_url: Address = Field(description="With the address that was entered, not the device's own.")
    snapshot_url: Address = Field(default="", description="URL of a JPEG; empty if the device has none.")
    codec: str = Field(default="", max_length=32, description="Such as h264 or hevc.")
    width: Pixels | None = None
    height: Pixels | None = None
    frames_per_second: FrameRate | None = None


class DeviceResult(BaseModel):
    """What an ONVIF device offers, or why it cannot be asked."""

    model_config = _CONFIG

    answers: bool = Field(description="Whether the device describes its streams.")
    reason: Reason = Field(description="`Streaming`, or the reason why not.")
    message: Text = Field(default="", description="One or two sentences for users; contains no credentials.")
    manufacturer: Text = ""
    model: Text = ""
    firmware: Text = ""
    time_difference_seconds: float | None = Field(
        default=None, ge=-1e10, le=1e10, description="The device's clock minus the detector's; null if unknown."
    )
    streams: tuple[DeviceStream, ...] = Field(default=(), max_length=MAX_PROFILES)
    main_stream: DeviceStream | None = Field(default=None, description="The stream to show and record.")
    sub_stream: DeviceStream | None = Field(default=None, description="A smaller stream to analyse, if there is one.")
    stream_path: str = Field(
        default="", max_length=500, description="Of the sub-stream, for `detection.stream_path`."
    )
    has_events: bool = Field(default=False, description="Whether it offers its own events (pull-points).")
    has_ptz: bool = Field(default=False, description="Whether it can turn or zoom.")

    @classmethod
    def fault(cls, reason: Reason, message: str = "") -> Self:
        """Return the result for a device that cannot be asked."""
        return cls(answers=False, reason=reason, message=(message or REASON_TEXTS[reason])[:500])


class ControlAction(StrEnum):
    """What a camera is asked to do."""

    STATUS = "status"
    """List presets and relays."""
    MOVE = "move"
    STOP = "stop"
    PRESET = "preset"
    RELAY = "relay"


class ControlCommand(BaseModel):
    """One control of a camera."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    action: ControlAction
    pan: Speed = Field(default=0.0, description="Speed to the right, -1 to 1.")
    tilt: Speed = Field(default=0.0, description="Speed upwards, -1 to 1.")
    zoom: Speed = Field(default=0.0, description="Speed of zooming in, -1 to 1.")
    seconds: float = Field(default=0.5, ge=0.1, le=10, description="A movement ends after this time.")
    preset: Token | None = Field(default=None, description="Token or name of the preset.")
    relay: Token | None = Field(default=None, description="Token of the relay output.")
    on: bool = Field(default=True, description="Whether the relay is switched on or off.")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.action is ControlAction.PRESET and self.preset is None:
            raise ValueError("preset must be the token or name of a preset")
        if self.action is ControlAction.RELAY and self.relay is None:
            raise ValueError("relay must be the token of a relay output")
        if self.action is ControlAction.MOVE and not (self.pan or self.tilt or self.zoom):
            raise ValueError("pan, tilt or zoom must be other than 0 to move; use stop to end a movement")
        return self


class Preset(BaseModel):
    """A position that a camera has stored."""

    model_config = _CONFIG

    token: Token
    name: str = Field(max_length=100)


class Relay(BaseModel):
    """A relay output of a camera."""

    model_config = _CONFIG

    token: Token


class ControlResult(BaseModel):
    """Whether the camera has done it, with its presets and relays for `status`."""

    model_config = _CONFIG

    answers: bool = Field(description="Whether the camera has accepted the command.")
    reason: Reason = Field(description="`Streaming`, or the reason why not.")
    message: Text = Field(default="", description="One or two sentences for users; contains no credentials.")
    has_ptz: bool = False
    presets: tuple[Preset, ...] = Field(default=(), max_length=MAX_PRESETS)
    relays: tuple[Relay, ...] = Field(default=(), max_length=MAX_RELAYS)

    @classmethod
    def fault(cls, reason: Reason, message: str = "") -> Self:
        """Return the result for a camera that has not done it."""
        return cls(answers=False, reason=reason, message=(message or REASON_TEXTS[reason])[:500])
