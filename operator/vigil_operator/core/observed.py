"""The objects of the cluster, reduced to what decisions need, so that memory stays small.

Every `…_from_body` takes an object as the API server sends it, and never fails on missing fields.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any

import msgspec

from vigil_operator.core.names import (
    ANNOTATION_DEFAULT_CLASS,
    FIELD_MANAGER,
    FINALIZER,
    LABEL_CAMERA,
    LABEL_MANAGED_BY,
    MANAGED_BY_BACKEND,
    id_in_resource_name,
)
from vigil_operator.core.rollout_state import NO_ROLLOUT, RolloutState, rollout_state

Body = Mapping[str, Any]
CREDENTIAL_KEYS = ("username", "password")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of an object; cluster-scoped objects have an empty namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Meta:
    """The metadata of an object."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner_uid: str
    finalizers: tuple[str, ...] = ()

    @property
    def camera(self) -> str:
        """Name of the camera to which the object belongs, by its label."""
        return self.labels.get(LABEL_CAMERA, "")


@dataclass(frozen=True, slots=True)
class CustomResource:
    """An object of Vigil's API group.

    `spec` and `status` are kept as JSON: the spec is validated later, the status is only compared.
    """

    meta: Meta
    spec_json: str
    status_json: str = "{}"

    @property
    def key(self) -> Key:
        return self.meta.key

    @property
    def spec(self) -> Any:
        """`spec` as the API server gave it."""
        return msgspec.json.decode(self.spec_json)

    @property
    def status(self) -> dict[str, Any]:
        """`status` as the API server gave it."""
        status: dict[str, Any] = msgspec.json.decode(self.status_json)
        return status


@dataclass(frozen=True, slots=True)
class Camera(CustomResource):
    """A Camera."""

    credentials_secret: str = ""
    """Name of the Secret in `spec.stream.credentialsSecretRef`; a change of the Secret reconciles the camera."""
    api_camera_id: int | None = None
    """The id of the API camera that this resource represents; None if the resource was created with kubectl."""
    class_named: str = ""
    """`spec.detectorClassName`."""
    class_in_use: str = ""
    """`status.detector.class`."""
    policy_generations: Mapping[str, int] = field(default_factory=dict)
    """`status.policies`: the generation in use of each CameraPolicy, by name."""
    phase: str = ""
    """`status.phase`; empty before the operator has written a status."""
    not_ready_reason: str = ""
    """The reason of the `Ready` condition while it is not true; otherwise empty."""
    recorded_camera_id: int | None = None
    """`status.cameraId`."""
    is_gpu_unused: bool = False
    """`status.detector.gpuUnused`."""

    @property
    def is_observed(self) -> bool:
        """Whether the operator has written a status before."""
        return bool(self.phase)

    def is_edit_of(self, earlier: "Camera") -> bool:
        """Return whether more than the status differs from an earlier version."""
        version = earlier.meta.resource_version
        return self.spec_json != earlier.spec_json or replace(self.meta, resource_version=version) != earlier.meta

    @property
    def managed_by_backend(self) -> bool:
        """Whether the API owns the spec."""
        return self.api_camera_id is not None

    @property
    def camera_id(self) -> int | None:
        """The camera's id in the API, if it has one: from the name (API cameras) or the status (kubectl cameras)."""
        if self.api_camera_id is not None:
            return self.api_camera_id
        return self.recorded_camera_id


@dataclass(frozen=True, slots=True)
class DetectorClass(CustomResource):
    """A DetectorClass."""

    rollout: RolloutState = NO_ROLLOUT
    """The trial of a new model, from `status.rollout`."""

    @property
    def is_default(self) -> bool:
        """Whether cameras that name no class use this one."""
        return self.meta.annotations.get(ANNOTATION_DEFAULT_CLASS) == "true"


@dataclass(frozen=True, slots=True)
class CameraPolicy(CustomResource):
    """A CameraPolicy."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of which only the content matters. `content_json` is the object without what the server adds."""

    meta: Meta
    content_json: str

    @property
    def key(self) -> Key:
        return self.meta.key

    @property
    def content(self) -> dict[str, Any]:
        """The object itself, to compare with the desired one."""
        content: dict[str, Any] = msgspec.json.decode(self.content_json)
        return content


@dataclass(frozen=True, slots=True)
class Deployment(StoredObject):
    """A detector's Deployment."""

    is_running: bool
    """Whether its newest template runs and is ready."""
    failure: str = ""
    """Why its pod cannot be created, in the API server's words."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The detector's container as the kubelet reports it."""

    waiting_reason: str = ""
    waiting_message: str = ""
    restarts: int = 0
    last_exit_code: int | None = None
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A detector's pod."""

    meta: Meta
    created: str
    phase: str
    reason: str
    message: str
    node: str
    scheduled: bool | None
    unscheduled_reason: str
    unscheduled_message: str
    ready: bool
    container: ContainerState
    missing_claim: str = ""
    """The ResourceClaimTemplate of a claim that the pod needs and that does not exist yet."""

    @property
    def key(self) -> Key:
        return self.meta.key


def meta_from_body(body: Body) -> Meta:
    """Return the metadata; if there are several owners, with the controlling one."""
    metadata = body.get("metadata") or {}
    owners = metadata.get("ownerReferences") or []
    return Meta(
        key=Key(intern(metadata.get("namespace", "")), metadata.get("name", "")),
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        deleting="deletionTimestamp" in metadata,
        # The same few texts on every object of every camera.
        labels={intern(name): intern(value) for name, value in (metadata.get("labels") or {}).items()},
        annotations=_kept_annotations(metadata.get("annotations") or {}),
        owner_uid=next((owner.get("uid", "") for owner in owners if owner.get("controller")), ""),
        finalizers=tuple(metadata.get("finalizers") or ()),
    )


def camera_from_body(body: Body, api_namespace: str = "") -> Camera:
    """Return a Camera. `api_namespace`: the only namespace with cameras of the API; empty: any."""
    meta, spec, status = meta_from_body(body), body.get("spec"), body.get("status") or {}
    return Camera(
        meta,
        _text(spec),
        _text(status),
        credentials_secret=_text_at(spec, "stream", "credentialsSecretRef", "name"),
        api_camera_id=_api_camera_id(meta, body) if api_namespace in {"", meta.key.namespace} else None,
        class_named=_text_at(spec, "detectorClassName"),
        class_in_use=_text_at(status, "detector", "class"),
        policy_generations=_policy_generations(status),
        phase=intern(_text_at(status, "phase")),
        not_ready_reason=_not_ready_reason(status),
        recorded_camera_id=recorded if isinstance(recorded := status.get("cameraId"), int) else None,
        is_gpu_unused=bool((status.get("detector") or {}).get("gpuUnused")),
    )


def credentials_from_body(body: Body) -> StoredObject:
    """Return a user's Secret that kubectl cameras may name, with only the keys that a camera uses."""
    data = body.get("data") or {}
    kept = {name: data[name] for name in CREDENTIAL_KEYS if name in data}
    return StoredObject(meta_from_body(body), _text({"data": kept}))


def class_from_body(body: Body) -> DetectorClass:
    """Return a DetectorClass."""
    status = body.get("status") or {}
    return DetectorClass(meta_from_body(body), _text(body.get("spec")), _text(status), rollout=rollout_state(status))


def policy_from_body(body: Body) -> CameraPolicy:
    """Return a CameraPolicy."""
    return CameraPolicy(meta_from_body(body), _text(body.get("spec")), _text(body.get("status") or {}))


def object_from_body(body: Body) -> StoredObject:
    """Return a Secret, NetworkPolicy or PersistentVolumeClaim of ours."""
    return StoredObject(meta_from_body(body), _content_json(body))


def deployment_from_body(body: Body) -> Deployment:
    """Return a Deployment of ours."""
    return Deployment(meta_from_body(body), _content_json(body), _is_running(body), _replica_failure(body))


def pod_from_body(body: Body) -> Pod:
    """Return a pod with one container."""
    status = body.get("status") or {}
    conditions = {condition.get("type"): condition for condition in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled", {})
    return Pod(
        meta=meta_from_body(body),
        created=(body.get("metadata") or {}).get("creationTimestamp") or "",
        phase=status.get("phase", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        node=(body.get("spec") or {}).get("nodeName") or "",
        scheduled={"True": True, "False": False}.get(scheduled.get("status", "")),
        unscheduled_reason=scheduled.get("reason", ""),
        unscheduled_message=scheduled.get("message", ""),
        ready=conditions.get("Ready", {}).get("status") == "True",
        container=_container(status),
        missing_claim=_missing_claim(body.get("spec") or {}, status),
    )


def secret_values(secret: StoredObject) -> dict[str, str]:
    """Return a Secret's decoded data, which must not reach logs, events or statuses."""
    data = secret.content.get("data") or {}
    return {name: b64decode(value).decode() for name, value in data.items()}


def _content_json(body: Body) -> str:
    metadata = body.get("metadata") or {}
    # Items of a list have no `kind`, those of a watch do: they must compare as equal.
    content = {
        name: value for name, value in body.items() if name not in {"status", "metadata", "apiVersion", "kind"}
    }
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
    content["metadata"] = {name: metadata[name] for name in kept if metadata.get(name)}
    return _text(content)


def _container(status: Body) -> ContainerState:
    reported: Body = next(iter(status.get("containerStatuses") or []), {})
    waiting = (reported.get("state") or {}).get("waiting") or {}
    ended = (
        (reported.get("state") or {}).get("terminated") or (reported.get("lastState") or {}).get("terminated") or {}
    )
    return ContainerState(
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        restarts=reported.get("restartCount", 0),
        last_exit_code=ended.get("exitCode"),
        last_line=(ended.get("message") or "").strip(),
    )


def _is_running(body: Body) -> bool:
    status = body.get("status") or {}
    generation = (body.get("metadata") or {}).get("generation", 0)
    if not isinstance(status, Mapping) or status.get("observedGeneration", -1) < generation:
        return False
    updated = status.get("updatedReplicas") or 0
    # Replicas of an older template may still be ready while the newest has none.
    return bool(updated and status.get("replicas") == updated and status.get("readyReplicas"))


def _api_camera_id(meta: Meta, body: Body) -> int | None:
    """Return the id of the API camera that the resource represents, or None.

    The label alone does not prove it: users copy resources together with their labels, and edit labels. The name must
    be one that the operator gives. In addition, the operator must have written the spec, or the label must say that
    the API owns it: `kubectl replace --force` creates the resource again without the record of who wrote the spec. A
    resource with our finalizer was registered as a kubectl camera before someone changed its label.
    """
    camera_id = id_in_resource_name(meta.key.name)
    if camera_id is None or _has_spec_of_operator(body):
        return camera_id
    is_labelled = meta.labels.get(LABEL_MANAGED_BY) == MANAGED_BY_BACKEND
    return camera_id if is_labelled and FINALIZER not in meta.finalizers else None


def _has_spec_of_operator(body: Body) -> bool:
    """Return whether the operator has written fields of the spec; it never does so for kubectl cameras."""
    entries = (body.get("metadata") or {}).get("managedFields") or ()
    return any(
        entry.get("manager") == FIELD_MANAGER and "f:spec" in (entry.get("fieldsV1") or {}) for entry in entries
    )


def _replica_failure(body: Body) -> str:
    """Return the message of the Deployment's condition `ReplicaFailure`, unless it is about an older template."""
    status = body.get("status") or {}
    generation = (body.get("metadata") or {}).get("generation", 0)
    if not isinstance(status, Mapping) or status.get("observedGeneration", -1) < generation:
        return ""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return str(condition.get("message", ""))
    return ""


def _missing_claim(spec: Body, status: Body) -> str:
    """Return the template of the first claim that is not in the pod's status (dynamic resource allocation)."""
    made = {each.get("name") for each in status.get("resourceClaimStatuses") or () if each.get("resourceClaimName")}
    for claim in spec.get("resourceClaims") or ():
        template = claim.get("resourceClaimTemplateName")
        if template and claim.get("name") not in made:
            return str(template)
    return ""


def _not_ready_reason(status: Body) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") != "True":
            return intern(condition.get("reason", ""))
    return ""


def _policy_generations(status: Any) -> dict[str, int]:
    policies = status.get("policies") if isinstance(status, Mapping) else None
    return {policy.get("name", ""): policy.get("generation", 0) for policy in policies or ()}


def _text_at(node: Any, *path: str) -> str:
    """Return the text at a path in an object that is not validated yet; empty if there is none."""
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def _kept_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Keep only our own: `last-applied-configuration` would double the memory for a thousand cameras."""
    return {name: value for name, value in annotations.items() if "vigil.dev/" in name}


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
