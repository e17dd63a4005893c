"""Parse and validate the `spec` of Camera and DetectorClass.

Servers before 1.25 ignore CEL rules, and administrators can edit CRDs. Therefore everything is validated here again;
an error names the field as the user wrote it (`spec.stream.url`).
"""

import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from vigil_contracts.bounds import MAX_DISPLAY_NAME_LENGTH, MAX_URL_LENGTH
from vigil_contracts.detection import Detection
from vigil_contracts.names import DEFAULT_MODEL, DeletionPolicy, StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.retention import RetentionSettings
from vigil_contracts.rules import without_rule_types
from vigil_contracts.stream_url import InvalidStreamUrlError, split_credentials, validate_stream_url
from vigil_contracts.url_secrets import PLACEHOLDERS, holds_secret
from vigil_operator.core.devices import DeviceRequest, Hardware, hardware_for, is_device
from vigil_operator.core.keys import snake_case_keys
from vigil_operator.core.names import MAX_CAMERA_NAME_LENGTH
from vigil_operator.core.pod_template import SPEC_CONFIG, PodTemplateSpec
from vigil_operator.core.quantities import quantity_bytes, quantity_value

RESERVED_VARIABLES = frozenset(
    {
        *("VIGIL_API_URL", "VIGIL_TOKEN", "VIGIL_TOKEN_FILE", "VIGIL_DETECTOR_NAME", "VIGIL_GROUP"),
        *("VIGIL_SPOOL_DIR", "VIGIL_SPOOL_MAX_BYTES", "VIGIL_METRICS_ADDRESS", "VIGIL_METRICS_PORT"),
        *("VIGIL_LOG_FORMAT", "VIGIL_MODEL", "VIGIL_MODEL_SHA256", "VIGIL_RUNTIME", "VIGIL_MODEL_DEVICE"),
        *("VIGIL_MODEL_PRECISION", "VIGIL_HARDWARE_DECODER", "VIGIL_TRITON_URL"),
        *("VIGIL_SHADOW_MODEL", "VIGIL_SHADOW_MODEL_SHA256", "VIGIL_SHADOW_TRIAL"),
    }
)
"""What the operator tells detectors; a class has fields for what can be chosen of it."""

NODE_RESOURCES = ("cpu", "memory", "ephemeral-storage")
"""Resources that every node has; all others have a prefix."""

Quantity = int | str
GroupId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class InvalidSpecError(ValueError):
    """An invalid spec. The message names the field and the correct form, and contains no value."""


class Spec(BaseModel):
    """Base of all parts of a spec: camelCase in resources, snake_case in code.

    Unknown fields are ignored, as the API server does: a newer CRD must not stop an older operator.
    """

    model_config = SPEC_CONFIG

    def to_resource(self) -> dict[str, Any]:
        """Return the spec as in a resource, without unset or empty fields."""
        dumped: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in dumped.items() if value not in ("", [], {})}


class NamedReference(Spec):
    """The name of an object in the same namespace."""

    name: str = Field(min_length=1, max_length=253)


class StreamSpec(Spec):
    """`spec.stream`."""

    url: str = Field(max_length=MAX_URL_LENGTH)
    credentials_secret_ref: NamedReference | None = None
    transport: StreamTransport = StreamTransport.TCP

    @field_validator("url")
    @classmethod
    def _without_credentials(cls, url: str) -> str:
        try:
            url = validate_stream_url(url)
        except InvalidStreamUrlError as error:
            raise ValueError(str(error)) from None
        path = re.sub("^[^/]*//[^/?#]*", "", url)
        if split_credentials(url)[1] is not None or holds_secret(path):
            raise ValueError(
                "must hold no credentials: put them into a Secret with the keys username and password and name it "
                "in spec.stream.credentialsSecretRef; where the camera takes them in the path, write {username} and "
                "{password} in their place"
            )
        return url

    @model_validator(mode="after")
    def _placeholders_have_values(self) -> Self:
        if self.credentials_secret_ref is None and any(name in self.url for name in PLACEHOLDERS):
            raise ValueError("credentialsSecretRef must be given when url has {username} or {password}")
        return self


class CameraSpec(Spec):
    """`Camera.spec`."""

    display_name: str = Field(default="", max_length=MAX_DISPLAY_NAME_LENGTH)
    active: bool = True
    stream: StreamSpec
    detection: Annotated[Detection, BeforeValidator(snake_case_keys)] = Detection()
    recording: Annotated[RecordingSettings, BeforeValidator(snake_case_keys)] = RecordingSettings()
    retention: Annotated[RetentionSettings, BeforeValidator(snake_case_keys)] = RetentionSettings()
    detector_class_name: str = Field(default="", max_length=253)
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN


class GpuSpec(Spec):
    """`DetectorClass.spec.gpu`: an extended resource or a claim template, not both."""

    resource_name: str | None = None
    count: int = Field(default=1, ge=1, le=16)
    resource_claim_template_name: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.resource_name is None) == (self.resource_claim_template_name is None):
            raise ValueError("give resourceName or resourceClaimTemplateName, and not both")
        return self


class ResourcesSpec(Spec):
    """`DetectorClass.spec.resources`: Kubernetes quantities by resource name."""

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name in (*self.requests, *self.limits):
            if name not in NODE_RESOURCES and not name.startswith("hugepages-") and "/" not in name:
                raise ValueError(
                    f"requests and limits must name cpu, memory, ephemeral-storage, hugepages-… or an extended "
                    f"resource such as example.com/device, and not {name[:63]!r}"
                )
        return self

    @model_validator(mode="after")
    def _requests_are_within_limits(self) -> Self:
        for name in self.requests.keys() & self.limits.keys():
            if quantity_value(self.requests[name]) > quantity_value(self.limits[name]):
                raise ValueError(f"requests.{name} must not be above limits.{name}")
        return self


class VolumeClaimSpec(Spec):
    """`DetectorClass.spec.spool.persistentVolumeClaim`."""

    storage_class_name: str | None = None


class TolerationSpec(Spec):
    """One of `DetectorClass.spec.tolerations`."""

    key: str = Field(default="", max_length=317)
    operator: Literal["Equal", "Exists"] | None = None
    value: str = Field(default="", max_length=63)
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError("value must be omitted when operator is Exists")
        if self.operator != "Exists" and not self.key:
            raise ValueError("key must be given unless operator is Exists")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("effect must be NoExecute when tolerationSeconds is given")
        return self


class SpoolSpec(Spec):
    """`DetectorClass.spec.spool`."""

    size_limit: Quantity = "1Gi"
    persistent_volume_claim: VolumeClaimSpec | None = None

    @field_validator("size_limit")
    @classmethod
    def _is_quantity(cls, value: Quantity) -> Quantity:
        quantity_bytes(value)
        return value


class FallbackSpec(Spec):
    """`DetectorClass.spec.fallback`."""

    class_name: str = Field(min_length=1, max_length=253)
    after_seconds: int = Field(default=300, ge=10, le=86400)


class SleepSpec(Spec):
    """`DetectorClass.spec.sleep`."""

    minimum_seconds: int = Field(default=3600, ge=600, le=604800)
    warm_up_seconds: int | None = Field(default=None, ge=10, le=3600)


class RolloutThresholds(Spec):
    """`DetectorClass.spec.rollout.thresholds`."""

    min_events: int = Field(default=100, ge=1, le=1_000_000)
    min_agreement_percent: int = Field(default=85, ge=0, le=100)
    max_missed_percent: int = Field(default=5, ge=0, le=100)
    max_new_percent: int = Field(default=10, ge=0, le=100)
    max_latency_ratio: float = Field(default=2.0, gt=0, le=100)
    max_cost_ratio: float = Field(default=2.0, gt=0, le=100)


class RolloutSpec(Spec):
    """`DetectorClass.spec.rollout`."""

    model: str = Field(min_length=1, max_length=500)
    model_sha256: str = Field(default="", alias="modelSHA256", pattern=r"^([0-9a-fA-F]{64})?$")
    camera_percent: int = Field(default=10, ge=1, le=100)
    duration_seconds: int = Field(default=86_400, ge=60, le=2_592_000)
    promotion: Literal["Manual", "Automatic"] = "Manual"
    thresholds: RolloutThresholds = RolloutThresholds()


class TritonSpec(Spec):
    """`DetectorClass.spec.triton`."""

    url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$", max_length=500)


class KeyReference(Spec):
    """Names a key of a Secret or ConfigMap in the cameras' namespace."""

    name: str = Field(min_length=1, max_length=253)
    key: str = Field(min_length=1, max_length=253)


class VariableSource(Spec):
    """`DetectorClass.spec.env[].valueFrom`."""

    secret_key_ref: KeyReference | None = None
    config_map_key_ref: KeyReference | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise ValueError("give secretKeyRef or configMapKeyRef, and not both")
        return self


class Variable(Spec):
    """One of `DetectorClass.spec.env`."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)
    value: str = Field(default="", max_length=4096)
    value_from: VariableSource | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in RESERVED_VARIABLES:
            raise ValueError(f"the operator itself sets {name}; use the class's own fields")
        return name

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if self.value and self.value_from is not None:
            raise ValueError("give value or valueFrom, and not both")
        return self


class DetectorClassSpec(Spec):
    """`DetectorClass.spec`."""

    image: str = ""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: tuple[NamedReference, ...] = ()
    model: str = Field(default="", max_length=500)
    model_sha256: str = Field(default="", alias="modelSHA256", pattern=r"^([0-9a-fA-F]{64})?$")
    runtime: Literal["openvino", "ultralytics", "triton"] = "openvino"
    device: str = ""
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    decoder: Literal["software", "nvdec", "vaapi", "qsv"] | None = None
    env: tuple[Variable, ...] = Field(default=(), max_length=64)
    triton: TritonSpec | None = None
    resources: ResourcesSpec = ResourcesSpec()
    gpu: GpuSpec | None = None
    runtime_class_name: str | None = None
    supplemental_groups: tuple[GroupId, ...] = Field(default=(), max_length=16)
    shared_memory: Quantity | None = None
    node_selector: dict[str, str] = {}
    tolerations: tuple[TolerationSpec, ...] = ()
    priority_class_name: str | None = None
    pod_template: PodTemplateSpec = PodTemplateSpec()
    spool: SpoolSpec = SpoolSpec()
    fallback: FallbackSpec | None = None
    sleep: SleepSpec | None = None
    rollout: RolloutSpec | None = None

    @field_validator("shared_memory")
    @classmethod
    def _is_quantity(cls, value: Quantity | None) -> Quantity | None:
        if value is not None:
            quantity_bytes(value)
        return value

    @field_validator("device")
    @classmethod
    def _is_device(cls, device: str) -> str:
        if device and not is_device(device):
            raise ValueError("must be cpu, cuda, cuda:1, intel-gpu, npu or auto")
        return device

    @model_validator(mode="after")
    def _triton_is_named(self) -> Self:
        if self.runtime == "triton" and self.triton is None:
            raise ValueError("triton must be given when runtime is triton")
        if self.runtime == "triton" and not self.model:
            raise ValueError("model must be given when runtime is triton: the model's name on the server")
        return self

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if self.runtime == "ultralytics" and not self.model:
            raise ValueError("model must be given when runtime is ultralytics, such as yolov8n")
        if self.runtime == "ultralytics" and self.model.endswith(".pt") and not self.model_sha256:
            raise ValueError("modelSHA256 must be given for a .pt file when runtime is ultralytics")
        return self

    @model_validator(mode="after")
    def _rollout_differs(self) -> Self:
        if self.rollout is None:
            return self
        if self.rollout.model == (self.model or DEFAULT_MODEL):
            raise ValueError("rollout.model must differ from model; once model names the new one, remove rollout")
        needs_pin = self.runtime == "ultralytics" and self.rollout.model.endswith(".pt")
        if needs_pin and not self.rollout.model_sha256:
            raise ValueError("rollout.modelSHA256 must be given for a .pt file when runtime is ultralytics")
        return self

    @model_validator(mode="after")
    def _hardware_fits(self) -> Self:
        hardware_for(self._device_request)
        return self

    @property
    def hardware(self) -> Hardware:
        """The devices of the class's detectors, with what it leaves out filled in."""
        return hardware_for(self._device_request)

    @property
    def _device_request(self) -> DeviceRequest:
        return DeviceRequest(
            runtime=self.runtime,
            device=self.device,
            precision=self.precision,
            decoder=self.decoder or "",
            resource_name=(self.gpu.resource_name or "") if self.gpu else "",
            has_claim=self.gpu is not None and self.gpu.resource_claim_template_name is not None,
        )


def parse_camera_spec(name: str, spec: object) -> CameraSpec:
    """Parse a camera's spec. Raises `InvalidSpecError`. `name`: the resource's, from which other names derive."""
    if len(name) > MAX_CAMERA_NAME_LENGTH:
        raise InvalidSpecError(f"metadata.name: must have {MAX_CAMERA_NAME_LENGTH} characters or fewer")
    return parse_spec(CameraSpec, spec)


def parse_class_spec(spec: object) -> DetectorClassSpec:
    """Parse a class's spec. Raises `InvalidSpecError`."""
    return parse_spec(DetectorClassSpec, spec)


SpecT = TypeVar("SpecT", bound=Spec)


def parse_spec(model: type[SpecT], spec: object) -> SpecT:
    """Parse a spec. Raises `InvalidSpecError`, which names the field as the user wrote it."""
    try:
        return model.model_validate(spec, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = without_rule_types(first["loc"])
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{to_camel(part)}" for part in location)
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidSpecError(f"spec{path}: {message[:1].lower()}{message[1:]}") from None
