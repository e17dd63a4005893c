"""`DetectorClass.spec.podTemplate`: additions to the pods of a class.

Only the fields here can be set. All others, such as the service account, host namespaces and security contexts, stay
as the operator sets them, because they keep a detector away from the node and the cluster.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from vigil_operator.core.quantities import canonical_quantity

DETECTOR = "detector"
"""Name of the only container."""

OWN_VOLUMES = frozenset({"token", "spool", "scratch", "shared-memory"})
OWN_CLAIM = "gpu"
OWN_DIRECTORIES = ("/var/run/secrets", "/run/secrets", "/var/lib/vigil/spool", "/tmp", "/dev", "/proc", "/sys")  # noqa: S108
"""Directories over which nothing can be mounted: the token, the spool, the scratch volume, and the system's own."""

_OWN_DOMAINS = ("vigil.dev", "app.kubernetes.io")

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
Keys = Annotated[dict[str, str], Field(max_length=32)]
Quantities = Annotated[dict[str, int | str], Field(max_length=16)]


SPEC_CONFIG = ConfigDict(
    extra="ignore",
    frozen=True,
    alias_generator=AliasGenerator(alias=to_camel),
    populate_by_name=True,
    hide_input_in_errors=True,
)
"""Of all models of a spec: camelCase in resources, snake_case in code; unknown fields are ignored."""


class Part(BaseModel):
    """Base of all parts of the template."""

    model_config = SPEC_CONFIG


class PodMetadata(Part):
    """Labels and annotations, for example for Kueue or an autoscaler."""

    labels: Keys = {}
    annotations: Keys = {}

    @field_validator("labels", "annotations")
    @classmethod
    def _are_free(cls, values: dict[str, str]) -> dict[str, str]:
        for key in values:
            domain = key.partition("/")[0]
            if "/" in key and any(domain == own or domain.endswith(f".{own}") for own in _OWN_DOMAINS):
                raise ValueError(f"the operator itself sets the keys of {domain}; use others")
        return values


class ClaimVolume(Part):
    """A PersistentVolumeClaim in the cameras' namespace."""

    claim_name: ObjectName
    read_only: bool = False


class ImageVolume(Part):
    """The content of an image, such as a model (Kubernetes 1.33 and newer)."""

    reference: str = Field(min_length=1, max_length=500)
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


class ConfigMapVolume(Part):
    """A ConfigMap in the cameras' namespace."""

    name: ObjectName


class EmptyDirVolume(Part):
    """An empty directory."""

    medium: Literal["Memory"] | None = None
    size_limit: int | str


class Volume(Part):
    """One more volume of the pod."""

    name: Name
    persistent_volume_claim: ClaimVolume | None = None
    image: ImageVolume | None = None
    config_map: ConfigMapVolume | None = None
    empty_dir: EmptyDirVolume | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in OWN_VOLUMES:
            raise ValueError(f"the operator itself creates the volume {name}; use another name")
        return name

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = (self.persistent_volume_claim, self.image, self.config_map, self.empty_dir)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give one of persistentVolumeClaim, image, configMap and emptyDir")
        return self


class VolumeMount(Part):
    """Where a volume appears in the detector's container."""

    name: Name
    mount_path: str = Field(pattern=r"^/[^\s:]+$", max_length=500)
    sub_path: str = Field(default="", max_length=500)
    read_only: bool = False

    @field_validator("mount_path")
    @classmethod
    def _is_free(cls, path: str) -> str:
        parts = path.rstrip("/").split("/")
        if "" in parts[1:] or "." in parts or ".." in parts:
            raise ValueError("must be a plain absolute path")
        for own in OWN_DIRECTORIES:
            if f"{path}/".startswith(f"{own}/") or f"{own}/".startswith(f"{path.rstrip('/')}/"):
                raise ValueError(f"must not cover {own} or lie in it")
        return path


class ContainerClaim(Part):
    """A resource claim of the pod that the container uses."""

    name: Name
    request: str = Field(default="", max_length=63)


class ContainerResources(Part):
    """Only claims: CPU and memory are in `DetectorClass.spec.resources`."""

    claims: tuple[ContainerClaim, ...] = Field(default=(), max_length=16)


class ContainerOverlay(Part):
    """Additions to the detector's container."""

    name: Literal["detector"]
    volume_mounts: tuple[VolumeMount, ...] = Field(default=(), max_length=16)
    resources: ContainerResources = ContainerResources()


class PodClaim(Part):
    """A resource claim of the pod: a shared one, or one for each detector."""

    name: Name
    resource_claim_name: ObjectName | None = None
    resource_claim_template_name: ObjectName | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == OWN_CLAIM:
            raise ValueError(f"the operator itself creates the claim {name}; use another name")
        return name

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.resource_claim_name is None) == (self.resource_claim_template_name is None):
            raise ValueError("give resourceClaimName or resourceClaimTemplateName, and not both")
        return self


class PodResources(Part):
    """Resources of the pod as a whole (Kubernetes 1.34 and newer)."""

    requests: Quantities = {}
    limits: Quantities = {}


class PodOverlay(Part):
    """`DetectorClass.spec.podTemplate.spec`."""

    affinity: dict[str, Any] = {}
    host_users: Literal[False] | None = None
    scheduler_name: str = Field(default="", max_length=253)
    volumes: tuple[Volume, ...] = Field(default=(), max_length=16)
    resource_claims: tuple[PodClaim, ...] = Field(default=(), max_length=16)
    resources: PodResources = PodResources()
    containers: tuple[ContainerOverlay, ...] = Field(default=(), max_length=1)


class PodTemplateSpec(Part):
    """`DetectorClass.spec.podTemplate`."""

    metadata: PodMetadata = PodMetadata()
    spec: PodOverlay = PodOverlay()

    def spec_overlay(self) -> dict[str, Any]:
        """Return the additions to the pod's `spec`, with quantities as the API server stores them."""
        dumped = _canonical(self.spec.model_dump(mode="json", by_alias=True, exclude_none=True))
        overlay: dict[str, Any] = _without_empty(dumped)
        return overlay


def _canonical(overlay: dict[str, Any]) -> dict[str, Any]:
    for amounts in overlay["resources"].values():
        amounts |= {name: canonical_quantity(amount) for name, amount in amounts.items()}
    for volume in overlay["volumes"]:
        if "emptyDir" in volume:
            volume["emptyDir"]["sizeLimit"] = canonical_quantity(volume["emptyDir"]["sizeLimit"])
    return overlay


def _without_empty(value: Any) -> Any:
    """Leave out what Kubernetes does not store: empty texts, lists and objects, and `readOnly: false`."""
    if isinstance(value, dict):
        kept = {name: _without_empty(inner) for name, inner in value.items() if (name, inner) != ("readOnly", False)}
        return {name: inner for name, inner in kept.items() if inner not in ("", [], {})}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value
