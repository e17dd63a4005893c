"""The health of a camera's stream: reported by its detector, and returned by the API."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import Count, FrameRate, Instant, Pixels
from vigil_contracts.cost import CameraCost
from vigil_contracts.names import AlertType, CameraPhase, Reason
from vigil_contracts.shadow import ShadowReport

MAX_OBJECTS = 1000
"""The largest object count that a detector reports."""


class StreamHealth(BaseModel):
    """Properties of the stream, as the detector measures them."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    width: Pixels | None = None
    height: Pixels | None = None
    codec: str | None = Field(default=None, max_length=32)
    frames_per_second: FrameRate | None = None
    last_frame_time: Instant | None = None


class InferenceHealth(BaseModel):
    """What a detector uses, which may differ from what was requested; empty means unknown."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    model: str = Field(default="", max_length=500, description="Name of the model.")
    runtime: str = Field(default="", max_length=32, description="`openvino`, `ultralytics` or `triton`.")
    device: str = Field(
        default="", max_length=32, description="`cpu`, `cuda:0`, `intel-gpu`, `npu`, or `server` with Triton."
    )
    precision: str = Field(default="", max_length=32, description="`float32`, `float16`, `bfloat16` or `int8`.")
    decoder: str = Field(default="", max_length=32, description="`software`, `nvdec`, `vaapi` or `qsv`.")


class ObjectCount(BaseModel):
    """How many objects of one type are in view now, or in one zone."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    alert_type: AlertType
    zone: str = Field(default="", max_length=64, description="Name of the zone; empty: the whole frame.")
    count: Annotated[int, Field(ge=0, le=MAX_OBJECTS)]


ObjectCounts = Annotated[
    tuple[ObjectCount, ...],
    Field(
        max_length=len(AlertType) * 33,
        description="Objects in view, with an entry for each type and zone that the camera detects, also if it is 0.",
    ),
]


class HealthReport(BaseModel):
    """A camera's health in the API, from the detector's last heartbeat and its age."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = Field(default="", max_length=2000)
    stream: StreamHealth = StreamHealth()
    inference: InferenceHealth = InferenceHealth()
    reported_at: Instant | None = None
    spooled_alerts: Count = 0
    wake_time: Instant | None = Field(default=None, description="When a camera that is asleep wakes up.")
    shadow: ShadowReport | None = Field(
        default=None, description="The comparison with a new model, since its trial began; null: there is none."
    )
    cost: CameraCost | None = Field(
        default=None, description="What the camera costs its detector; null: not measured yet."
    )


class Heartbeat(BaseModel):
    """Sent by a detector every 10 s, and immediately when the phase or the reason changes.

    With `report_objects` in the camera's configuration, it is also sent when `objects` changes.
    """

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    phase: CameraPhase
    reason: Reason
    message: str = Field(default="", max_length=500, description="Details for users; contains no credentials.")
    stream: StreamHealth = StreamHealth()
    inference: InferenceHealth = InferenceHealth()
    objects: ObjectCounts | None = Field(default=None, description="Null: unknown, for example without a stream.")
    shadow: ShadowReport | None = Field(default=None, description="The comparison with a new model, if one runs.")
    cost: CameraCost | None = Field(default=None, description="What the camera costs; null: not measured yet.")
    spooled_alerts: Count = 0
    detector: str = Field(default="", max_length=253, description="Name of the detector's pod or host.")
    revision: str = Field(default="", max_length=64, description="Revision of the configuration in use.")
    sent_at: Instant | None = None
