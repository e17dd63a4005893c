"""Camera resources of a cluster, as the Kubernetes operator reports them to the API."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vigil_contracts.bounds import MAX_DISPLAY_NAME_LENGTH, MAX_URL_LENGTH, Count, Instant, RowId
from vigil_contracts.cost import MAX_CORES, BytePercentiles, CorePercentiles, SharePercentiles
from vigil_contracts.detection import Detection
from vigil_contracts.names import CameraPhase, ConditionStatus, DeletionPolicy, StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.retention import RetentionSettings

PolicySources = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=253)]],
    Field(
        max_length=32,
        description="Fields whose value comes from a CameraPolicy, such as `recording.mode`, with the policy's name.",
    ),
]


class ResourceRegistration(BaseModel):
    """A Camera resource created with `kubectl`, as the operator registers it."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True, hide_input_in_errors=True)

    source: str = Field(min_length=1, max_length=200, description="Cluster and namespace of the resource.")
    resource: str = Field(min_length=1, max_length=253, description="Name of the resource.")
    owner: str = Field(default="", max_length=150, description="Owner of the camera; empty: the token's user.")
    name: str = Field(min_length=1, max_length=MAX_DISPLAY_NAME_LENGTH)
    rtsp_url: SecretStr = Field(max_length=MAX_URL_LENGTH)
    is_active: bool = True
    transport: StreamTransport = StreamTransport.TCP
    detection: Detection = Detection()
    recording: RecordingSettings | None = Field(default=None, description="Null: the server's default mode.")
    retention: RetentionSettings | None = Field(default=None, description="Null: as the API has it.")
    detector_class_name: str = Field(default="", max_length=253)
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="Whether the camera stays, inactive and with its alerts, when the resource is deleted.",
    )
    policy_sources: PolicySources = {}
    digest: str = Field(max_length=64, description="The operator's digest of the registration; stored and returned.")

    def to_json(self) -> dict[str, Any]:
        """Return it without the URL's secrets.

        During an upgrade, a backend of the previous version refuses a field that it does not know: newer fields are
        left out at their defaults. Digests of earlier versions stay valid, too.
        """
        is_default = {
            "recording": self.recording is None,
            "retention": self.retention is None,
            "deletion_policy": self.deletion_policy is DeletionPolicy.RETAIN,
            "policy_sources": not self.policy_sources,
        }
        return self.model_dump(mode="json", exclude={name for name, left_out in is_default.items() if left_out})


class RegisteredResource(BaseModel):
    """A camera that represents a resource with the uid `uid`."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    uid: str = Field(max_length=64)
    id: RowId
    digest: str = Field(max_length=64)


class ResourceCondition(BaseModel):
    """One condition of a Camera resource."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    type: str = Field(min_length=1, max_length=316, description="Type of the condition, such as `Ready`.")
    status: ConditionStatus
    reason: str = Field(default="", max_length=1024, description="The reason in one word.")
    message: str = Field(default="", max_length=2000, description="Text for users; contains no credentials.")
    last_transition_time: Instant | None = Field(default=None, description="When the status last changed.")


STATES_AT_ONCE = 200


class ResourceState(BaseModel):
    """The state of one camera's resource in the cluster."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    camera: RowId = Field(description="The camera's id.")
    resource: str = Field(min_length=1, max_length=253, description="The resource's name.")
    phase: CameraPhase
    conditions: tuple[ResourceCondition, ...] = Field(default=(), max_length=16)
    node: str = Field(default="", max_length=253, description="Node of the detector; empty: none.")
    detector_class: str = Field(default="", max_length=253, description="DetectorClass of the detector; empty: none.")
    wake_time: Instant | None = Field(
        default=None, description="When a camera that is asleep wakes up; null: it is awake."
    )
    arm_time: Instant | None = Field(
        default=None, description="When the schedule of a camera that is asleep is armed."
    )


CLASSES_AT_ONCE = 200


class ClassRequests(BaseModel):
    """What each detector of a DetectorClass requests."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cpu_cores: Annotated[float, Field(ge=0, le=MAX_CORES)] | None = Field(default=None, description="CPU cores.")
    memory_bytes: Count | None = Field(default=None, description="Bytes of memory.")
    devices: dict[Annotated[str, Field(max_length=316)], Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default={}, max_length=16, description="GPUs and other extended resources by name, with their number."
    )


class ClassCost(BaseModel):
    """What the cameras of a DetectorClass cost.

    `p50` is the median of the cameras' medians, and `p95` the 95th percentile of their 95th percentiles.
    """

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: Annotated[int, Field(ge=1, le=1_000_000, description="Number of cameras that were measured.")]
    cpu_cores: CorePercentiles
    memory_bytes: BytePercentiles | None = None
    inference_share: SharePercentiles


class ReportedClass(BaseModel):
    """What a DetectorClass requests and costs, and how many more cameras fit."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    name: str = Field(min_length=1, max_length=253, description="Name of the DetectorClass.")
    is_default: bool = Field(default=False, description="Whether cameras that name no class use it.")
    room: int | None = Field(
        default=None, ge=0, le=1_000_000, description="How many more cameras fit on its nodes; null: unknown."
    )
    requests: ClassRequests | None = Field(default=None, description="Null: unknown.")
    cost: ClassCost | None = Field(default=None, description="Null: not measured yet.")
    requests_sufficient: bool | None = Field(
        default=None, description="Whether its detectors request as much as they need; null: unknown."
    )


class ResourceStates(BaseModel):
    """Changes in a cluster since the operator's last report."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    source: str = Field(min_length=1, max_length=200, description="Cluster and namespace of the resources.")
    states: tuple[ResourceState, ...] = Field(default=(), max_length=STATES_AT_ONCE)
    gone: tuple[RowId, ...] = Field(
        default=(), max_length=STATES_AT_ONCE, description="Ids of cameras whose resource was deleted."
    )
    classes: tuple[ReportedClass, ...] | None = Field(
        default=None, max_length=CLASSES_AT_ONCE, description="All detector classes of the cluster; null: unchanged."
    )


class ReportedResource(ResourceState):
    """A camera's resource, as an operator last reported it."""

    source: str = Field(max_length=200, description="Cluster and namespace of the resource.")
    reported_at: Instant = Field(description="When any of this last changed.")
