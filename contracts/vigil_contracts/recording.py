"""Continuous recording: a camera's settings, and what its detector registers with the API.

Times are whole milliseconds since 1970 (`…_ms`): they identify a segment, so they must survive JSON and every
database unchanged.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from vigil_contracts.alert import EventId
from vigil_contracts.bounds import EARLIEST, LATEST, MAX_COUNT, MAX_SIDE_PIXELS
from vigil_contracts.motion_grid import ENCODED_LENGTH
from vigil_contracts.names import REASON_TEXTS

MAX_SEGMENT_SECONDS = 600
"""Segments end at keyframes: a camera with a keyframe every ten minutes is still recorded."""
MAX_SEGMENT_BYTES = 2**31 - 1
SEGMENTS_AT_ONCE = 100
MAX_CLIP_SECONDS = 120
CLIP_EDGE_MS = 500
"""How much of a clip's begin and end a recording may lack: its times differ a little from those of arrival."""

Milliseconds = Annotated[
    int,
    Field(
        ge=round(EARLIEST.timestamp() * 1000),
        le=round(LATEST.timestamp() * 1000),
        description="Milliseconds since 1970-01-01 UTC.",
    ),
]


class RecordingMode(StrEnum):
    """When a camera is recorded."""

    OFF = "off"
    CONTINUOUS = "continuous"
    MOTION = "motion"
    ALERTS = "alerts"


class RecordedStream(StrEnum):
    """Which of the camera's streams is recorded."""

    MAIN = "main"
    SUB = "sub"


class RecordingSettings(BaseModel):
    """How a camera is recorded; `detection.record_audio` decides on audio."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    mode: RecordingMode = Field(
        default=RecordingMode.OFF,
        description="`off`, `continuous`, or only the time around `motion` or `alerts`.",
    )
    stream: RecordedStream = Field(
        default=RecordedStream.MAIN,
        description="`main`, or `sub`: the sub-stream of `detection.stream_path`. Without a sub-stream both are the "
        "same.",
    )
    seconds_before: float = Field(
        default=5.0, ge=0, le=60, description="Modes motion and alerts: seconds to keep before the motion or alert."
    )
    seconds_after: float = Field(
        default=10.0, ge=0, le=600, description="Modes motion and alerts: seconds to keep after the motion or alert."
    )
    days: int | None = Field(
        default=None, ge=1, le=3650, description="Days for which recordings are kept; null: the server's default."
    )
    gigabytes: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Space for the camera's recordings in GB: the oldest are deleted; null: the server's default.",
    )


Days = Annotated[int, Field(ge=1, le=3650)]
Gigabytes = Annotated[int, Field(ge=1, le=1_000_000)]


class SiteRecording(BaseModel):
    """What a site sets for the recordings of its cameras: defaults, and ceilings that no camera may exceed."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    mode: RecordingMode | None = Field(
        default=None,
        description="`recording.mode` of a new camera that is created without one; null: the server's default.",
    )
    days: Days | None = Field(
        default=None,
        description="Days for which recordings are kept, unless their camera has its own setting; null: the server's "
        "default.",
    )
    gigabytes: Gigabytes | None = Field(
        default=None,
        description="Space for a camera's recordings in GB, unless it has its own setting; null: the server's "
        "default.",
    )
    max_days: Days | None = Field(
        default=None, description="The most days that a camera may set; null: the server's ceiling."
    )
    max_gigabytes: Gigabytes | None = Field(
        default=None, description="The most GB that a camera may set; null: the server's ceiling."
    )

    @field_validator("max_days", "max_gigabytes")
    @classmethod
    def _is_not_below_the_default(cls, ceiling: int | None, info: ValidationInfo) -> int | None:
        name = str(info.field_name).removeprefix("max_")
        default = info.data.get(name)
        if ceiling is not None and default is not None and ceiling < default:
            raise ValueError(f"must be at least {name} ({default})")
        return ceiling


class GapReason(StrEnum):
    """Why there is no recording although the camera was to be recorded, besides the `Stream…` values of `Reason`."""

    RECORDER_STOPPED = "RecorderStopped"
    SPOOL_FULL = "SpoolFull"
    WRITE_FAILED = "WriteFailed"
    STORAGE_LOST = "StorageLost"
    MASKING_UNAVAILABLE = "MaskingUnavailable"


GAP_TEXTS: dict[GapReason, str] = {
    GapReason.RECORDER_STOPPED: "The detector was not running, or the camera was inactive.",
    GapReason.SPOOL_FULL: "The storage was unavailable until the detector's disk space for recordings was used up.",
    GapReason.WRITE_FAILED: "The detector could not write to its disk.",
    GapReason.MASKING_UNAVAILABLE: "The camera has privacy masks, and its detector cannot encode masked video.",
    GapReason.STORAGE_LOST: "The recording was lost before it reached the storage.",
}


_TEXTS: dict[str, str] = {str(reason): text for reason, text in [*REASON_TEXTS.items(), *GAP_TEXTS.items()]}


def gap_text(reason: str) -> str:
    """Return the sentence for users about a gap's reason; the reason itself if this version does not know it."""
    return _TEXTS.get(reason, reason)


class RecordedSegment(BaseModel):
    """One stored file of fragmented MP4. `start_ms` is its identity within the camera."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    start_ms: Milliseconds
    duration_ms: int = Field(ge=1, le=MAX_SEGMENT_SECONDS * 1000)
    size_bytes: int = Field(ge=1, le=MAX_SEGMENT_BYTES)
    init_bytes: int = Field(
        ge=8, le=1_000_000, description="Bytes of `ftyp` and `moov`, the initialisation segment, at its beginning."
    )
    init_id: str = Field(
        pattern="^[0-9a-f]{16}$", max_length=16, description="Digest of these bytes; changes with the format."
    )
    codecs: str = Field(max_length=100, pattern=r"^[A-Za-z0-9.,]*$", description="As in RFC 6381.")
    width: int = Field(ge=1, le=MAX_SIDE_PIXELS)
    height: int = Field(ge=1, le=MAX_SIDE_PIXELS)
    motion: int = Field(default=0, ge=0, le=100, description="Share of its analysed frames with motion, in percent.")
    motion_cells: str = Field(
        default="",
        max_length=ENCODED_LENGTH,
        pattern=rf"^([A-Za-z0-9_-]{{{ENCODED_LENGTH}}})?$",
        description="Where something moved: a bit for each of 32 × 18 cells of the frame, base64url. Empty: unknown.",
    )

    @property
    def end_ms(self) -> int:
        """Return the end of its last frame."""
        return self.start_ms + self.duration_ms


class RecordingGap(BaseModel):
    """A time without a recording."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    start_ms: Milliseconds
    end_ms: Milliseconds
    reason: str = Field(max_length=32, pattern="^[A-Za-z]+$", description="A `GapReason`, or a camera's reason.")

    @model_validator(mode="after")
    def _is_forward(self) -> "RecordingGap":
        if self.end_ms <= self.start_ms:
            raise ValueError("end_ms must be after start_ms")
        return self


class RecordedClip(BaseModel):
    """A part of the recording that is the clip of an event."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    event_id: EventId
    start_ms: Milliseconds
    end_ms: Milliseconds

    @model_validator(mode="after")
    def _has_a_length(self) -> "RecordedClip":
        if not 0 < self.end_ms - self.start_ms <= MAX_CLIP_SECONDS * 1000:
            raise ValueError(f"end_ms must be after start_ms, by at most {MAX_CLIP_SECONDS} s")
        return self


class RecordingBatch(BaseModel):
    """What a detector registers at once. Safe to repeat."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    segments: tuple[RecordedSegment, ...] = Field(default=(), max_length=SEGMENTS_AT_ONCE)
    gaps: tuple[RecordingGap, ...] = Field(default=(), max_length=SEGMENTS_AT_ONCE)
    clips: tuple[RecordedClip, ...] = Field(
        default=(), max_length=SEGMENTS_AT_ONCE, description="Clips of alerts that the recording contains now."
    )


class RegisteredRecordings(BaseModel):
    """The API's answer: `stored` are registered now or before; of `missing` the storage has no such file.

    `clips` are the events that have a clip now. For others the detector sends a file, as it does to an API of an
    earlier version, which answers with none.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    stored: tuple[Milliseconds, ...] = Field(
        default=(), max_length=SEGMENTS_AT_ONCE, description="`start_ms` of each."
    )
    missing: tuple[Milliseconds, ...] = Field(
        default=(), max_length=SEGMENTS_AT_ONCE, description="`start_ms` of each; store the file and try again."
    )
    clips: tuple[EventId, ...] = Field(
        default=(), max_length=SEGMENTS_AT_ONCE, description="`event_id` of each alert that has its clip now."
    )


class UploadOrder(BaseModel):
    """The segments for which a detector needs a URL."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    starts_ms: tuple[Milliseconds, ...] = Field(min_length=1, max_length=SEGMENTS_AT_ONCE)


class Upload(BaseModel):
    """Where to PUT one segment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    start_ms: Milliseconds
    url: str = Field(max_length=8192, description="Signed and valid for a few minutes. Treat it as a secret.")


class Uploads(BaseModel):
    """The URLs; empty where the backend stores media in a directory, which detectors must reach themselves."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uploads: tuple[Upload, ...] = Field(default=(), max_length=SEGMENTS_AT_ONCE)


def recording_key(camera_id: int, start_ms: int) -> str:
    """Return the storage key of a segment: one folder per camera and hour, so that none has over a thousand files."""
    assert 0 < camera_id <= MAX_COUNT
    hour = datetime.fromtimestamp(start_ms / 1000, UTC)
    return f"recordings/{camera_id}/{hour:%Y/%m/%d/%H}/{start_ms}.mp4"
