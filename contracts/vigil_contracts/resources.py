"""Camera resources of a cluster, as the operator reports them to the API."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vigil_contracts.bounds import MAX_URL_LENGTH, Instant, RowId
from vigil_contracts.detection import Detection
from vigil_contracts.names import CameraPhase, ConditionStatus, StreamTransport


class ResourceRegistration(BaseModel):
    """A Camera resource that came from `kubectl`, as the operator registers it: its row in the API says the same."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True, hide_input_in_errors=True)

    source: str = Field(min_length=1, max_length=200, description="Cluster and namespace that the resource is in.")
    resource: str = Field(min_length=1, max_length=253, description="The resource's name there.")
    owner: str = Field(default="", max_length=150, description="User who owns the row; empty: the token's user.")
    name: str = Field(min_length=1, max_length=100)
    rtsp_url: SecretStr = Field(max_length=MAX_URL_LENGTH)
    is_active: bool = True
    transport: StreamTransport = StreamTransport.TCP
    detection: Detection = Detection()
    detector_class_name: str = Field(default="", max_length=253)
    digest: str = Field(
        max_length=64, description="The operator's own mark of what it has sent; kept and given back."
    )


class RegisteredResource(BaseModel):
    """A row that stands for a resource. `uid`: the resource's."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    uid: str = Field(max_length=64)
    id: RowId
    digest: str = Field(max_length=64)


class ResourceCondition(BaseModel):
    """One condition of a Camera resource, as Kubernetes shows it."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    type: str = Field(min_length=1, max_length=316, description="Such as `Ready`.")
    status: ConditionStatus
    reason: str = Field(default="", max_length=1024, description="One word; says what to do.")
    message: str = Field(default="", max_length=2000, description="For a person; holds no credentials.")
    last_transition_time: Instant | None = Field(default=None, description="When the status became what it is.")


STATES_AT_ONCE = 200


class ResourceState(BaseModel):
    """How the Camera resource of one camera is in the cluster."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    camera: RowId = Field(description="The camera's id.")
    resource: str = Field(min_length=1, max_length=253, description="The resource's name.")
    phase: CameraPhase
    conditions: tuple[ResourceCondition, ...] = Field(default=(), max_length=16)
    node: str = Field(default="", max_length=253, description="Where its detector runs; empty: nowhere.")
    detector_class: str = Field(
        default="", max_length=253, description="How its detector is run; empty: there is none."
    )


class ResourceStates(BaseModel):
    """What has changed in a cluster since the operator reported last."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    source: str = Field(min_length=1, max_length=200, description="Cluster and namespace that the resources are in.")
    states: tuple[ResourceState, ...] = Field(default=(), max_length=STATES_AT_ONCE)
    gone: tuple[RowId, ...] = Field(
        default=(), max_length=STATES_AT_ONCE, description="Ids of cameras that have no resource any more."
    )


class ReportedResource(ResourceState):
    """A camera's resource as an operator has reported it last."""

    source: str = Field(max_length=200, description="Cluster and namespace that the resource is in.")
    reported_at: Instant = Field(description="When anything of this changed last.")
