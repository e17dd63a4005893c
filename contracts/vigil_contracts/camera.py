"""A camera's configuration as detectors and the operator receive it, and the health that they report back."""

from datetime import datetime
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from vigil_contracts.names import CameraPhase, Reason, StreamTransport
from vigil_contracts.rules import Fraction as Fraction
from vigil_contracts.rules import Polygon, Rule, Schedule, Zone, check_polygon

Named = TypeVar("Named", Zone, Rule)


class Detection(BaseModel):
    """What to look for in a camera's pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="", max_length=500, description="Model to use; empty: the detector's own default.")
    frames_per_second: float = Field(
        default=5.0, gt=0, le=30, description="How many frames are analysed in each second at most."
    )
    minimum_confidence: Fraction = Field(
        default=0.5, description="A detection below this (0.0 to 1.0) starts no alert."
    )
    classes: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Labels of the model to look for, such as `person`; empty: all that have an alert type.",
    )
    zones: tuple[Zone, ...] = Field(default=(), max_length=32, description="Parts of the picture, for rules.")
    rules: tuple[Rule, ...] = Field(
        default=(), max_length=32, description="What makes an alert; empty: every object of the classes."
    )
    schedule: Schedule | None = Field(default=None, description="When the rules are armed; none: always.")
    motion_masks: tuple[Polygon, ...] = Field(
        default=(), max_length=32, description="Where motion does not count: trees, flags, the clock in the picture."
    )

    @field_validator("zones", "rules")
    @classmethod
    def _names_differ(cls, named: tuple[Named, ...]) -> tuple[Named, ...]:
        names = [one.name for one in named]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each needs a name of its own; twice there is {twice[0]!r}")
        return named

    @field_validator("rules")
    @classmethod
    def _zones_exist(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        known = [zone.name for zone in info.data.get("zones", ())]
        for rule in rules:
            zone = getattr(rule, "zone", None)
            if zone is not None and zone not in known:
                there = ", ".join(known) or "none"
                raise ValueError(
                    f"the zone {zone!r} of rule {rule.name!r} must be the name of one of zones ({there})"
                )
        return rules

    @field_validator("motion_masks")
    @classmethod
    def _enclose(cls, masks: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
        for mask in masks:
            check_polygon(mask)
        return masks


class CameraConfiguration(BaseModel):
    """One active camera, credentials included: answered only to tokens that need them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: int
    name: str
    group: str = ""
    rtsp_url: SecretStr
    transport: StreamTransport = StreamTransport.TCP
    detection: Detection = Detection()
    detector_class_name: str = ""
    managed_by: str = "backend"
    revision: str = Field(description="Changes whenever anything in this configuration changes.")


class StreamHealth(BaseModel):
    """What the detector sees of the stream itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    codec: str | None = Field(default=None, max_length=32)
    frames_per_second: float | None = Field(default=None, ge=0)
    last_frame_time: AwareDatetime | None = None


class HealthReport(BaseModel):
    """A camera's health as the API tells it: from the detector's last heartbeat, and from how old that is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = ""
    stream: StreamHealth = StreamHealth()
    reported_at: AwareDatetime | None = None


class CameraSummary(BaseModel):
    """A camera as `GET /api/cameras/<id>/` answers it, without its stream."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: int
    name: str
    is_active: bool
    managed_by: str = "backend"
    health: HealthReport


class Heartbeat(BaseModel):
    """Sent by a detector every 10 s, and at once when the phase or the reason changes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = Field(default="", max_length=500, description="Details for a person; holds no credentials.")
    stream: StreamHealth = StreamHealth()
    spooled_alerts: int = Field(default=0, ge=0)
    detector: str = Field(default="", max_length=253, description="Name of the pod or host that watches.")
    revision: str = Field(default="", description="Revision of the configuration in use.")
    sent_at: datetime | None = None
